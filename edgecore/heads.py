"""The detection heads that `edgecore.decode` reads, as plain descriptions."""

from dataclasses import dataclass
from typing import TypeAlias


def _check_size(size: tuple[int, int]) -> None:
    sides = size if isinstance(size, tuple) and len(size) == 2 else (0, 0)
    if any(not isinstance(side, int) or side < 1 for side in sides):
        raise ValueError(f"input_size: expected (height, width), both at least 1, got {size!r}")


def _check_classes(count: int) -> None:
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"num_classes: expected at least 1, got {count!r}")


@dataclass(frozen=True, slots=True)
class YoloV5:
    """One output (1, n, 5 + num_classes): centre x, centre y, width, height, objectness, scores.

    The confidence is objectness * class score, both already between 0 and 1; each of the two,
    objectness and the product, has to reach the threshold.

    Args:
        num_classes: scores in a row.
        input_size: height and width of the model's input, pixels.
        normalized: boxes are parts of the input's sides, not pixels.
    """

    num_classes: int = 80
    input_size: tuple[int, int] = (640, 640)
    normalized: bool = True

    def __post_init__(self) -> None:
        _check_classes(self.num_classes)
        _check_size(self.input_size)


@dataclass(frozen=True, slots=True)
class YoloV8:
    """YOLOv8 and 11: one output (1, 4 + num_classes, n): centre x, centre y, width, height, scores.

    Args:
        num_classes: score rows.
        input_size: height and width of the model's input, pixels.
        normalized: boxes are parts of the input's sides, not pixels.
        transposed: the output is (1, n, 4 + num_classes).
    """

    num_classes: int = 80
    input_size: tuple[int, int] = (640, 640)
    normalized: bool = True
    transposed: bool = False

    def __post_init__(self) -> None:
        _check_classes(self.num_classes)
        _check_size(self.input_size)


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
        _check_size(self.input_size)
        places = [p for p in (self.boxes, self.classes, self.scores, self.count) if p is not None]
        if len(set(places)) != len(places) or min(places) < 0:
            raise ValueError(f"outputs of an SSD head: expected different indices, got {places}")


Head: TypeAlias = YoloV5 | YoloV8 | Ssd
