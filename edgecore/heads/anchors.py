"""Anchors of SSD heads, generated from the numbers that their training used."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecore.heads.checks import cells, check_strides


@dataclass(frozen=True, slots=True)
class SsdAnchors:
    """The `ssd_anchor_generator` of TensorFlow's Object Detection API, with its defaults.

    Layer k of m has anchors of scale s_k = min_scale + (max_scale - min_scale) k / (m - 1), width
    s_k sqrt(ratio) and height s_k / sqrt(ratio) for every aspect ratio, and a square one of scale
    sqrt(s_k s_(k+1)), s_m being 1; all of them around the middle of every cell.

    Args:
        strides: side of a cell of each layer, pixels; a layer has ceil(side / stride) cells.
        min_scale: of the first layer, parts of the picture's shorter side.
        max_scale: of the last layer.
        aspect_ratios: width / height.
        interpolated_square: with the square anchor between two scales.
        reduced_lowest: the first layer has three anchors only: a square of 0.1, and its own scale
            at ratios 2 and 1/2.

    Algorithm: Liu et al. 2016, section 2.2.
    """

    strides: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    min_scale: float = 0.2
    max_scale: float = 0.95
    aspect_ratios: tuple[float, ...] = (1.0, 2.0, 0.5, 3.0, 1.0 / 3.0)
    interpolated_square: bool = True
    reduced_lowest: bool = True

    def __post_init__(self) -> None:
        check_strides(self.strides)
        if not 0 < self.min_scale <= self.max_scale <= 1:
            raise ValueError(
                f"scales: expected 0 < min_scale <= max_scale <= 1, got {self.min_scale} "
                f"and {self.max_scale}"
            )
        if not self.aspect_ratios or min(self.aspect_ratios) <= 0:
            raise ValueError(f"aspect_ratios: expected positive numbers, got {self.aspect_ratios}")

    def shapes(self) -> list[list[tuple[float, float]]]:
        """Width and height of the anchors of a cell, parts of the shorter side, for each layer."""
        count = len(self.strides)
        step = (self.max_scale - self.min_scale) / (count - 1) if count > 1 else 0.0
        scales = [self.min_scale + step * layer for layer in range(count)] + [1.0]
        layers = []
        for layer, scale in enumerate(scales[:-1]):
            if layer == 0 and self.reduced_lowest:
                pairs = [(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
            else:
                pairs = [(scale, ratio) for ratio in self.aspect_ratios]
                if self.interpolated_square:
                    pairs.append((math.sqrt(scale * scales[layer + 1]), 1.0))
            layers.append([(s * math.sqrt(ratio), s / math.sqrt(ratio)) for s, ratio in pairs])
        return layers

    def boxes(self, input_size: tuple[int, int]) -> NDArray[np.float32]:
        """All anchors, layer by layer, row by row, cell by cell.

        Args:
            input_size: height and width of the model's input, pixels.

        Returns:
            float32 (n, 4): centre x, centre y, width, height as parts of the picture's sides.
        """
        height, width = input_size
        shorter = min(height, width)
        layers = [
            _on_grid(
                cells(input_size, stride),
                [(w * shorter / width, h * shorter / height) for w, h in shapes],
            )
            for stride, shapes in zip(self.strides, self.shapes(), strict=True)
        ]
        return np.concatenate(layers)


def unit_anchors(
    input_size: tuple[int, int], strides: Sequence[int], anchors_per_stride: int
) -> NDArray[np.float32]:
    """MediaPipe's anchors of fixed size: the whole picture, around the middle of every cell.

    Neighbouring strides that are equal share a grid.

    Returns:
        float32 (n, 4): centre x, centre y, width, height as parts of the picture's sides.
    """
    layers = []
    place = 0
    while place < len(strides):
        same = 1
        while place + same < len(strides) and strides[place + same] == strides[place]:
            same += 1
        grid = cells(input_size, strides[place])
        layers.append(_on_grid(grid, [(1.0, 1.0)] * (anchors_per_stride * same)))
        place += same
    return np.concatenate(layers)


def _on_grid(grid: tuple[int, int], shapes: Sequence[tuple[float, float]]) -> NDArray[np.float32]:
    rows, columns = grid
    anchors = np.empty((rows, columns, len(shapes), 4))
    anchors[..., 0] = ((np.arange(columns) + 0.5) / columns)[None, :, None]
    anchors[..., 1] = ((np.arange(rows) + 0.5) / rows)[:, None, None]
    anchors[..., 2:] = shapes
    return anchors.reshape(-1, 4).astype(np.float32)
