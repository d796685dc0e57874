"""On-device runtime for camera ML: frames to TFLite detections to firmware commands."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecore import heads, isa, ring, sources
    from edgecore.decoding import decode
    from edgecore.detections import Detections, Timings
    from edgecore.detector import Detector
    from edgecore.errors import (
        ConfigError,
        EdgecoreError,
        EngineError,
        ModelError,
        SourceError,
    )
    from edgecore.frame import Frame
    from edgecore.pipeline import Pipeline
    from edgecore.preprocessing import Preprocessor, preprocess
    from edgecore.suppression import nms, rotated_nms, soft_nms, weighted_nms
    from edgecore.tracking import Tracker

# Public name -> module that holds it; a module maps to itself. Imported on first use, so that
# `import edgecore` stays light. No module may share its name with a function listed here: importing
# the module would put it in the function's place.
_HOMES = {
    "ConfigError": "edgecore.errors",
    "Detections": "edgecore.detections",
    "Detector": "edgecore.detector",
    "EdgecoreError": "edgecore.errors",
    "EngineError": "edgecore.errors",
    "Frame": "edgecore.frame",
    "ModelError": "edgecore.errors",
    "Pipeline": "edgecore.pipeline",
    "Preprocessor": "edgecore.preprocessing",
    "SourceError": "edgecore.errors",
    "Timings": "edgecore.detections",
    "Tracker": "edgecore.tracking",
    "decode": "edgecore.decoding",
    "heads": "edgecore.heads",
    "isa": "edgecore.isa",
    "nms": "edgecore.suppression",
    "preprocess": "edgecore.preprocessing",
    "ring": "edgecore.ring",
    "rotated_nms": "edgecore.suppression",
    "soft_nms": "edgecore.suppression",
    "sources": "edgecore.sources",
    "weighted_nms": "edgecore.suppression",
}

__all__ = [
    "ConfigError",
    "Detections",
    "Detector",
    "EdgecoreError",
    "EngineError",
    "Frame",
    "ModelError",
    "Pipeline",
    "Preprocessor",
    "SourceError",
    "Timings",
    "Tracker",
    "decode",
    "heads",
    "isa",
    "nms",
    "preprocess",
    "ring",
    "rotated_nms",
    "soft_nms",
    "sources",
    "weighted_nms",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(home)
    value = module if home == f"{__name__}.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
