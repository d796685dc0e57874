"""Frame sources: `open(url)` gives an iterator of `edgecore.Frame`."""

from .source import Source, SourceChange
from .url import open

__all__ = ["Source", "SourceChange", "open"]
