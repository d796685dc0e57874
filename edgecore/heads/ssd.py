"""SSD heads, before and after their post-processing, and BlazeFace."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgecore.heads.anchors import SsdAnchors, unit_anchors
from edgecore.heads.checks import (
    check_choice,
    check_count,
    check_places,
    check_size,
    check_strides,
)

ACTIVATIONS = ("sigmoid", "none")


@dataclass(frozen=True, slots=True)
class Ssd:
    """The outputs of TFLite_Detection_PostProcess, which has done the suppression already.

    Args:
        input_size: height and width of the model's input, pixels.
        boxes: which output is (1, n, 4): y0, x0, y1, x1 as parts of the input's sides.
        classes: which output is (1, n), class ids; they are reported as they are.
        scores: which output is (1, n).
        count: which output is (1,), how many of the n rows are filled; None: all of them.
    """

    input_size: tuple[int, int]
    boxes: int = 0
    classes: int = 1
    scores: int = 2
    count: int | None = 3

    def __post_init__(self) -> None:
        check_size(self.input_size)
        places = (self.boxes, self.classes, self.scores, self.count)
        check_places("an SSD head", [place for place in places if place is not None])


@dataclass(frozen=True, slots=True)
class SsdRaw:
    """SSD before TFLite_Detection_PostProcess: boxes coded against anchors, and class scores.

    Boxes are y, x, height, width: centre = code / scale * anchor size + anchor centre, size =
    exp(code / scale) * anchor size. One pair of outputs holds all anchors, (1, n, 4) and
    (1, n, scores), or there is one pair for each layer of anchors, (1, rows, columns, 4 * k) and
    (1, rows, columns, scores * k); lengths of 1 may stand between.

    Args:
        num_classes: without the background.
        input_size: height and width of the model's input, pixels.
        anchors: what generates them.
        boxes: which outputs are boxes, in the order of the anchors.
        scores: which outputs are scores, in the same order.
        background: each anchor's first score is the background's; class ids begin after it.
        activation: what makes a score of the model's number: "sigmoid" or "none".
        box_scale: of y, x, height and width.
    """

    num_classes: int
    input_size: tuple[int, int] = (300, 300)
    anchors: SsdAnchors = field(default_factory=SsdAnchors)
    boxes: tuple[int, ...] = (0,)
    scores: tuple[int, ...] = (1,)
    background: bool = True
    activation: str = "sigmoid"
    box_scale: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0)

    def __post_init__(self) -> None:
        check_count("num_classes", self.num_classes)
        check_size(self.input_size)
        check_choice("activation", self.activation, ACTIVATIONS)
        if len(self.boxes) != len(self.scores) or not self.boxes:
            raise ValueError(
                f"outputs of a raw SSD head: expected as many boxes as scores, got "
                f"{self.boxes} and {self.scores}"
            )
        check_places("a raw SSD head", (*self.boxes, *self.scores))
        if len(self.box_scale) != 4 or min(self.box_scale) <= 0:
            raise ValueError(f"box_scale: expected four positive numbers, got {self.box_scale}")

    def anchor_boxes(self) -> NDArray[np.float32]:
        """float32 (n, 4): centre x, centre y, width, height as parts of the picture's sides."""
        return self.anchors.boxes(self.input_size)


@dataclass(frozen=True, slots=True)
class BlazeFace:
    """MediaPipe's face detector: boxes with keypoints (1, n, 4 + 2 * k), and logits (1, n, 1).

    Coordinates are pixels of the model's input, from the middle of the anchor's cell. The defaults
    are the short-range model's; its keypoints are right eye, left eye, nose tip, mouth, right and
    left ear tragion.

    Args:
        input_size: height and width of the model's input, pixels.
        boxes: which output is boxes and keypoints.
        scores: which output is scores.
        strides: side of a cell of each layer, pixels; neighbours that are equal share a grid.
        anchors_per_stride: anchors that each layer has in a cell.
        num_keypoints: of a face.
    """

    input_size: tuple[int, int] = (128, 128)
    boxes: int = 0
    scores: int = 1
    strides: tuple[int, ...] = (8, 16, 16, 16)
    anchors_per_stride: int = 2
    num_keypoints: int = 6

    def __post_init__(self) -> None:
        check_size(self.input_size)
        check_places("a BlazeFace head", (self.boxes, self.scores))
        check_strides(self.strides)
        check_count("anchors_per_stride", self.anchors_per_stride)
        check_count("num_keypoints", self.num_keypoints, 0)

    def anchor_boxes(self) -> NDArray[np.float32]:
        """float32 (n, 4): centre x, centre y, width, height as parts of the picture's sides."""
        return unit_anchors(self.input_size, self.strides, self.anchors_per_stride)
