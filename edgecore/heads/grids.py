"""Heads that score the cells of a grid."""

from dataclasses import dataclass

from edgecore.heads.checks import check_choice, check_count, check_places, check_size
from edgecore.heads.ssd import ACTIVATIONS


@dataclass(frozen=True, slots=True)
class Fomo:
    """Edge Impulse's FOMO: one output (1, rows, columns, 1 + num_classes) of probabilities.

    The first is the background's; class ids begin after it.

    Args:
        num_classes: without the background.
        input_size: height and width of the model's input, pixels.
        boxes: "cells": each cell that reaches is a box. "centroids": cells of a class that touch,
            corners included, are one object, a box of one cell around the mean of their centres.
    """

    num_classes: int
    input_size: tuple[int, int] = (96, 96)
    boxes: str = "centroids"

    def __post_init__(self) -> None:
        check_count("num_classes", self.num_classes)
        check_size(self.input_size)
        check_choice("boxes", self.boxes, ("cells", "centroids"))


@dataclass(frozen=True, slots=True)
class CenterNet:
    """Objects as the peaks of a heatmap: outputs of rows x columns cells, channels last.

    A cell is an object of a class where no neighbour of its 3 x 3 has a larger score of that class.

    Args:
        num_classes: channels of the heatmap.
        input_size: height and width of the model's input, pixels.
        heatmap: which output is (1, rows, columns, num_classes).
        offset: which output is (1, rows, columns, 2), from the cell's corner to the centre, cells.
        size: which output is (1, rows, columns, 2), cells.
        order: of offset and size: "xy" is x, y and width, height; "yx" is y, x and height, width.
        activation: what makes a score of the heatmap's number: "sigmoid" or "none".
    """

    num_classes: int = 80
    input_size: tuple[int, int] = (512, 512)
    heatmap: int = 0
    offset: int = 1
    size: int = 2
    order: str = "xy"
    activation: str = "sigmoid"

    def __post_init__(self) -> None:
        check_count("num_classes", self.num_classes)
        check_size(self.input_size)
        check_places("a CenterNet head", (self.heatmap, self.offset, self.size))
        check_choice("order", self.order, ("xy", "yx"))
        check_choice("activation", self.activation, ACTIVATIONS)
