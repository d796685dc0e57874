"""Model files: what they are, and whether they may be trusted."""

from pathlib import Path

from edgecore.model.facts import Fact, Model
from edgecore.model.reading import read

__all__ = ["Fact", "Model", "embedded", "read"]


def embedded() -> Path:
    """The detector that ships with the package: road scenes it renders itself."""
    return Path(__file__).with_name("road.tflite")
