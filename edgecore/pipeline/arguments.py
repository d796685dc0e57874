"""What a pipeline is given: sources, and detectors for its engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgecore import sources as kinds
from edgecore.errors import EdgecoreError
from edgecore.sources import Source

from .engine_model import Detects, DetectsInStages


def sequence_of(
    name: str, detectors: Detects | DetectsInStages | Sequence[Detects | DetectsInStages]
) -> list[Detects | DetectsInStages]:
    """Detectors, one for each engine.

    Raises:
        TypeError, ValueError: something else, or none; `name` says where.
    """
    listed = list(detectors) if isinstance(detectors, Sequence) else [detectors]
    if not listed:
        raise ValueError(f"{name}: expected at least one detector, got none")
    for each in listed:
        if not hasattr(each, "detect"):
            raise TypeError(f"{name}: expected detectors, got {type(each).__name__}")
    return listed


def opened(
    sources: Source | str | Path | Mapping[str, Source | str | Path],
) -> list[tuple[str, Source]]:
    """Sources by name, those that were given as text now open.

    Raises:
        TypeError, ValueError, EdgecoreError: something else, none, or one cannot be opened; those
            that were opened before it are closed.
    """
    named = sources if isinstance(sources, Mapping) else {"source": sources}
    if not named:
        raise ValueError("sources: expected at least one source, got none")
    found: list[tuple[str, Source]] = []
    try:
        for name, source in named.items():
            if isinstance(source, str | Path):
                found.append((name, kinds.open(source)))
            elif isinstance(source, Source):
                found.append((name, source))
            else:
                raise TypeError(
                    f"sources: expected a source or what opens one as {name!r}, "
                    f"got {type(source).__name__}"
                )
    except (EdgecoreError, TypeError):
        for _, source in found:
            source.close()
        raise
    return found
