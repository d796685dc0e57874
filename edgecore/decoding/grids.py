"""Outputs of FOMO and CenterNet, checked and handed to their kernels."""

from typing import TYPE_CHECKING

from edgecore import _native
from edgecore.decoding.tensors import Tensors
from edgecore.heads import CenterNet, Fomo

if TYPE_CHECKING:
    from edgecore._native import _Found as Found


def fomo(
    native: _native.HeadDecoder, head: Fomo, tensors: Tensors, choice: _native.Choice
) -> "Found":
    """One output of probabilities."""
    tensors.expect(1, head)
    tensor = tensors.get(0, (1, None, None, 1 + head.num_classes))
    _, rows, columns, _ = tensor[0].shape
    height, width = head.input_size
    return native.cells(
        tensor,
        rows,
        columns,
        head.num_classes,
        width / max(columns, 1),
        height / max(rows, 1),
        head.boxes == "centroids",
        choice,
    )


def centernet(
    native: _native.HeadDecoder, head: CenterNet, tensors: Tensors, choice: _native.Choice
) -> "Found":
    """Heatmap, offset and size."""
    tensors.shape(max(head.heatmap, head.offset, head.size), head)
    heatmap = tensors.get(head.heatmap, (1, None, None, head.num_classes))
    _, rows, columns, _ = heatmap[0].shape
    height, width = head.input_size
    return native.peaks(
        heatmap,
        tensors.get(head.offset, (1, rows, columns, 2)),
        tensors.get(head.size, (1, rows, columns, 2)),
        rows,
        columns,
        head.num_classes,
        width / max(columns, 1),
        height / max(rows, 1),
        head.activation == "sigmoid",
        head.order == "yx",
        choice,
    )
