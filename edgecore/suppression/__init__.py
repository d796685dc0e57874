"""Non-maximum suppression."""

from edgecore.suppression.arguments import check_selection
from edgecore.suppression.hard import nms
from edgecore.suppression.rotated import rotated_nms
from edgecore.suppression.selection import Blend, Selection
from edgecore.suppression.soft import soft_nms
from edgecore.suppression.weighted import weighted_nms

__all__ = [
    "Blend",
    "Selection",
    "check_selection",
    "nms",
    "rotated_nms",
    "soft_nms",
    "weighted_nms",
]
