"""What training makes small: wrong scores, and boxes that miss."""

from typing import TYPE_CHECKING, Any

from edgecore.synthetic.training.assignment import assign, overlaps
from edgecore.synthetic.training.network import boxes_of, flattened

if TYPE_CHECKING:
    import tensorflow as tf

BOX_SHARE, SIZE_SHARE = 4.0, 1.0


def loss(
    outputs: Any, true_boxes: "tf.Tensor", true_classes: "tf.Tensor", counted: "tf.Tensor"
) -> "tf.Tensor":
    """Binary cross entropy of the scores, DIoU of the boxes, and L1 of their sides' logarithms.

    The last is there because time to collision is read from the logarithm of a box's size.
    DIoU: Zheng et al., "Distance-IoU Loss", 2020.

    Args:
        outputs: of the network.
        true_boxes: (n, objects, 4) x0, y0, x1, y1 in input pixels.
        true_classes: (n, objects), -1 where there is none.
        counted: bool (n, objects).
    """
    import tensorflow as tf

    raw, logits = (tf.cast(flattened(grids), tf.float32) for grids in outputs)
    box = boxes_of(raw)
    size = box[..., 2:]
    box = tf.concat([box[..., :2] - size / 2, box[..., :2] + size / 2], axis=-1)
    target = assign(
        tf.stop_gradient(tf.sigmoid(logits)),
        tf.stop_gradient(box),
        true_boxes,
        true_classes,
        counted,
    )
    target = type(target)(*(tf.stop_gradient(part) for part in target))
    count = tf.maximum(tf.reduce_sum(target.weights), 1.0)

    entropy = tf.nn.sigmoid_cross_entropy_with_logits(target.scores, logits)
    score_loss = tf.reduce_sum(entropy * target.judged[..., None])

    true_size = tf.maximum(target.boxes[..., 2:] - target.boxes[..., :2], 1.0)
    hull = tf.maximum(box[..., 2:], target.boxes[..., 2:]) - tf.minimum(
        box[..., :2], target.boxes[..., :2]
    )
    apart = (box[..., :2] + box[..., 2:] - target.boxes[..., :2] - target.boxes[..., 2:]) / 2
    distance = tf.reduce_sum(apart**2, axis=-1) / (tf.reduce_sum(hull**2, axis=-1) + 1e-6)
    miss = 1 - overlaps(box, target.boxes) + distance
    stretch = tf.reduce_sum(tf.abs(tf.math.log(size / true_size)), axis=-1)
    box_loss = tf.reduce_sum((BOX_SHARE * miss + SIZE_SHARE * stretch) * target.weights)
    return (score_loss + box_loss) / count
