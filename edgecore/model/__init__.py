"""Model files: what they are, and whether they may be trusted."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecore.model.facts import Fact, Model, Trial
from edgecore.model.reading import read

if TYPE_CHECKING:
    from edgecore.model.verification import verify

__all__ = ["Fact", "Model", "Trial", "embedded", "read", "verify"]


def embedded() -> Path:
    """The detector that ships with the package: road scenes it renders itself."""
    return Path(__file__).with_name("road.tflite")


def __getattr__(name: str) -> Any:
    """`verify` on first use: it needs subprocess and hashlib, which reading does not."""
    if name == "verify":
        from edgecore.model.verification import verify

        return verify
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
