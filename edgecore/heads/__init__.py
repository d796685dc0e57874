"""The detection heads that `edgecore.decode` reads, as plain descriptions."""

from typing import TypeAlias

from edgecore.heads.anchors import SsdAnchors
from edgecore.heads.grids import CenterNet, Fomo
from edgecore.heads.ssd import BlazeFace, Ssd, SsdRaw
from edgecore.heads.yolo import EndToEnd, YoloV5, YoloV8, YoloV8Dfl, YoloX

Head: TypeAlias = (
    YoloV5 | YoloV8 | YoloV8Dfl | YoloX | EndToEnd | Ssd | SsdRaw | BlazeFace | Fomo | CenterNet
)

__all__ = [
    "BlazeFace",
    "CenterNet",
    "EndToEnd",
    "Fomo",
    "Head",
    "Ssd",
    "SsdAnchors",
    "SsdRaw",
    "YoloV5",
    "YoloV8",
    "YoloV8Dfl",
    "YoloX",
]
