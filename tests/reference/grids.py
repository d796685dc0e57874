"""Plain decoders of heads that score the cells of a grid."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecore.heads import CenterNet, Fomo
from tests.reference.elementary import sigmoid
from tests.reference.heads import NEVER, Options, Plain, around, labels, select

Float32Array = NDArray[np.float32]
F = np.float32


def fomo(raw: Float32Array, head: Fomo, **options: Any) -> Plain:
    """Dequantised probabilities (rows, columns, 1 + classes)."""
    rows, columns, _ = raw.shape
    chosen = Options(**{**options, "multi_label": False})
    scores = raw[..., 1:].reshape(rows * columns, -1)
    reached = {
        divmod(cell, columns): (c, scores[cell, c])
        for cell, c in labels(scores, chosen)
        if scores[cell, c] >= F(chosen.score_threshold)
    }
    objects = []
    while reached:
        first = min(reached)
        number = reached[first][0]
        group = [first]
        if head.boxes == "centroids":
            for y, x in group:
                group += [
                    near
                    for near in reached
                    if near not in group
                    and reached[near][0] == number
                    and max(abs(near[0] - y), abs(near[1] - x)) == 1
                ]
        objects.append((group, number, max(reached[cell][1] for cell in group)))
        for cell in group:
            del reached[cell]
    height, width = head.input_size
    cell = np.array([width / columns, height / rows], np.float32)
    boxes = np.empty((len(objects), 4), np.float32)
    matrix = np.full((len(objects), head.num_classes), NEVER)
    for i, (group, number, score) in enumerate(objects):
        middle = [F(sum(g[k] for g in group)) / F(len(group)) + F(0.5) for k in (1, 0)]
        corners = [(middle[k] + sign) * cell[k] for sign in (F(-0.5), F(0.5)) for k in (0, 1)]
        boxes[i] = corners
        matrix[i, number] = score
    return select(boxes, matrix, matrix, chosen, suppressed=True)


def centernet(
    heatmap: Float32Array, offset: Float32Array, size: Float32Array, head: CenterNet, **options: Any
) -> Plain:
    """Dequantised (rows, columns, classes), (rows, columns, 2) and (rows, columns, 2)."""
    rows, columns, _ = heatmap.shape
    height, width = head.input_size
    cell = np.array([width / columns, height / rows], np.float32)
    turn = [0, 1] if head.order == "xy" else [1, 0]
    scores = sigmoid(heatmap) if head.activation == "sigmoid" else heatmap
    peaks = np.full(heatmap.shape, NEVER)
    boxes = np.empty((rows, columns, 4), np.float32)
    with np.errstate(all="ignore"):
        for y in range(rows):
            for x in range(columns):
                near = heatmap[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
                largest = ~(near > heatmap[y, x]).any(axis=(0, 1))
                peaks[y, x] = np.where(largest, scores[y, x], NEVER)
                centre = (np.array([x, y], np.float32) + offset[y, x, turn]) * cell
                boxes[y, x] = around(centre[None], (size[y, x, turn] * cell)[None])[0]
    flat = peaks.reshape(rows * columns, -1)
    every = Options(**{**options, "multi_label": True})
    return select(boxes.reshape(-1, 4), flat, flat, every, suppressed=True)
