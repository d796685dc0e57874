"""Which cells answer for which object, after "TOOD: Task-aligned One-stage Object Detection"."""

from typing import TYPE_CHECKING, NamedTuple

from edgecore.synthetic import CLASS_NAMES
from edgecore.synthetic.training.network import cells

if TYPE_CHECKING:
    import tensorflow as tf

CELLS_PER_OBJECT = 8
REACH = 1.5
"""How far in strides an object's middle may lie from the middle of a cell that answers for it."""

SCORE_POWER, OVERLAP_POWER = 0.5, 4.0


class Targets(NamedTuple):
    """What the network should have said; n pictures, c cells.

    Attributes:
        scores: (n, c, classes), above zero at the answering cells.
        boxes: (n, c, 4) x0, y0, x1, y1 in input pixels.
        weights: (n, c) how much each cell's box counts, 0 where it answers for nothing.
        judged: (n, c) 0 where a wrong answer is not wrong: on objects that are not counted.
    """

    scores: "tf.Tensor"
    boxes: "tf.Tensor"
    weights: "tf.Tensor"
    judged: "tf.Tensor"


def assign(
    scores: "tf.Tensor",
    boxes: "tf.Tensor",
    true_boxes: "tf.Tensor",
    true_classes: "tf.Tensor",
    counted: "tf.Tensor",
) -> Targets:
    """The targets of every cell, by what the network says now.

    Args:
        scores: (n, c, classes) of 0..1.
        boxes: (n, c, 4) x0, y0, x1, y1 in input pixels.
        true_boxes: (n, objects, 4), alike.
        true_classes: (n, objects), -1 where there is none.
        counted: bool (n, objects).
    """
    import tensorflow as tf

    centres, strides = cells()
    found = tf.cast(counted, tf.float32)[..., None]
    middles = (true_boxes[..., :2] + true_boxes[..., 2:]) / 2
    away = tf.abs(middles[:, :, None] - centres) / strides
    near = tf.cast(tf.reduce_max(away, axis=-1) < REACH, tf.float32) * found

    overlap = overlaps(true_boxes[:, :, None], boxes[:, None])
    one_hot = tf.one_hot(tf.cast(true_classes, tf.int32), len(CLASS_NAMES))
    of_class = tf.einsum("noc,nkc->nok", one_hot, scores)
    alignment = of_class**SCORE_POWER * (overlap + 1e-4) ** OVERLAP_POWER * near
    least = tf.math.top_k(alignment, CELLS_PER_OBJECT).values[..., -1:]
    chosen = near * tf.cast((alignment >= least) & (alignment > 0), tf.float32)

    owner = tf.argmax(chosen * (overlap + 1e-3), axis=1)
    chosen *= tf.one_hot(owner, tf.shape(true_boxes)[1], axis=1)
    alignment *= chosen
    best = tf.reduce_max(overlap * chosen, axis=-1, keepdims=True)
    share = alignment / (tf.reduce_max(alignment, axis=-1, keepdims=True) + 1e-12)
    weights = tf.reduce_sum(share * tf.maximum(best, 0.1), axis=1)

    inside = tf.reduce_all(
        (centres > true_boxes[:, :, None, :2]) & (centres < true_boxes[:, :, None, 2:]), axis=-1
    )
    unsure = tf.cast(inside, tf.float32) * tf.cast(true_classes >= 0, tf.float32)[..., None]
    judged = 1 - tf.reduce_max(unsure * (1 - found), axis=1)
    return Targets(
        scores=tf.gather(one_hot, owner, batch_dims=1) * weights[..., None],
        boxes=tf.gather(true_boxes, owner, batch_dims=1),
        weights=weights,
        judged=tf.where(weights > 0, 1.0, judged),
    )


def overlaps(one: "tf.Tensor", other: "tf.Tensor") -> "tf.Tensor":
    """Intersection over union of boxes x0, y0, x1, y1 in the last dimension, others broadcast."""
    import tensorflow as tf

    both = tf.minimum(one[..., 2:], other[..., 2:]) - tf.maximum(one[..., :2], other[..., :2])
    both = tf.reduce_prod(tf.maximum(both, 0.0), axis=-1)
    areas = [tf.reduce_prod(box[..., 2:] - box[..., :2], axis=-1) for box in (one, other)]
    return both / (areas[0] + areas[1] - both + 1e-6)
