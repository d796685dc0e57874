"""Heads of the YOLO family."""

from dataclasses import dataclass

from edgecore.heads.checks import cells, check_count, check_size, check_strides


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
        check_count("num_classes", self.num_classes)
        check_size(self.input_size)


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
        check_count("num_classes", self.num_classes)
        check_size(self.input_size)


@dataclass(frozen=True, slots=True)
class YoloV8Dfl:
    """YOLOv8 and 11 exported without decoding, channels last: distributions over distances.

    For each stride s, in any order, on a grid of ceil(height / s) x ceil(width / s) cells: either
    one output (1, rows, columns, 4 * bins + num_classes), or one of 4 * bins and one of
    num_classes channels, boxes before scores where both have as many. Scores are logits.

    Args:
        num_classes: scores of a cell.
        input_size: height and width of the model's input, pixels.
        strides: side of a cell of each grid, pixels.
        bins: of each distance's distribution, `reg_max`.
    """

    num_classes: int = 80
    input_size: tuple[int, int] = (640, 640)
    strides: tuple[int, ...] = (8, 16, 32)
    bins: int = 16

    def __post_init__(self) -> None:
        check_count("num_classes", self.num_classes)
        check_size(self.input_size)
        check_strides(self.strides)
        check_count("bins", self.bins, 2)

    @property
    def grids(self) -> tuple[tuple[int, int, int], ...]:
        """Rows, columns and stride of each grid."""
        return tuple((*cells(self.input_size, stride), stride) for stride in self.strides)


@dataclass(frozen=True, slots=True)
class YoloX:
    """One output (1, n, 5 + num_classes): box, objectness, scores, the last two as probabilities.

    The confidence is objectness * class score; each of the two, objectness and the product, has to
    reach the threshold.

    Args:
        num_classes: scores in a row.
        input_size: height and width of the model's input, pixels.
        decoded: boxes are centre and size in pixels; otherwise they are offsets from a cell of a
            grid, in cells, and logarithms of sizes in strides, one grid after the other.
        strides: side of a cell of each grid, pixels; without `decoded` only.
    """

    num_classes: int = 80
    input_size: tuple[int, int] = (416, 416)
    decoded: bool = True
    strides: tuple[int, ...] = (8, 16, 32)

    def __post_init__(self) -> None:
        check_count("num_classes", self.num_classes)
        check_size(self.input_size)
        check_strides(self.strides)

    @property
    def grids(self) -> tuple[tuple[int, int, int], ...]:
        """Rows, columns and stride of each grid."""
        return tuple((*cells(self.input_size, stride), stride) for stride in self.strides)


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """YOLOv10 and 26: one output (1, n, 6) of finished boxes: x0, y0, x1, y1, score, class.

    Args:
        input_size: height and width of the model's input, pixels.
        normalized: boxes are parts of the input's sides, not pixels.
    """

    input_size: tuple[int, int] = (640, 640)
    normalized: bool = True

    def __post_init__(self) -> None:
        check_size(self.input_size)
