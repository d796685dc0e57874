"""The network: plain convolutions, a feature pyramid, and a head without anchors.

After YOLOv8 (Ultralytics, 2023) in its layout and YOLOX (Ge et al., "YOLOX: Exceeding YOLO series
in 2021") in its boxes, and small enough to run in a few milliseconds on one core.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecore.synthetic import CLASS_NAMES
from edgecore.synthetic.camera import FloatArray, floats
from edgecore.synthetic.training.dataset import INPUT_SIZE

if TYPE_CHECKING:
    import tensorflow as tf

STRIDES = (4, 8, 16, 32)
PRIOR = 0.01
"""Score of every class at the start: objects are rare (Lin et al., "Focal loss", 2017)."""

SIZE_LIMIT = (-2.0, 4.0)
"""Natural logarithm of a box's sides in strides."""


def build() -> Any:
    """The Keras model: float32 (n, h, w, 3) of 0..1 to raw boxes and logits.

    Its outputs are two lists of grids, one for each of STRIDES. Boxes (n, rows, columns, 4): x and
    y of the centre from the cell's, and the logarithms of width and height, all in strides.
    Logits (n, rows, columns, classes).
    """
    import keras
    from keras import layers

    def conv(x: Any, filters: int, size: int = 3, stride: int = 1) -> Any:
        x = layers.Conv2D(filters, size, stride, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.97, epsilon=1e-3)(x)
        return layers.ReLU(6.0)(x)

    def block(x: Any) -> Any:
        filters = x.shape[-1]
        inner = conv(conv(x, filters // 2, 1), filters)
        return layers.Add()([x, inner])

    def joined(fine: Any, coarse: Any, filters: int) -> Any:
        grown = layers.UpSampling2D(2, interpolation="bilinear")(coarse)
        return conv(conv(layers.Concatenate()([fine, grown]), filters, 1), filters)

    picture = keras.Input((*INPUT_SIZE, 3), name="picture")
    x = conv(picture, 16, stride=2)
    finest = conv(x, 24, stride=2)
    fine = block(block(conv(finest, 48, stride=2)))
    middle = block(block(conv(fine, 96, stride=2)))
    coarse = conv(block(conv(middle, 96, stride=2)), 64, 1)
    middle = joined(middle, coarse, 64)
    fine = joined(fine, middle, 48)
    finest = joined(finest, fine, 24)

    boxes, logits = [], []
    bias = keras.initializers.Constant(float(np.log(PRIOR / (1 - PRIOR))))
    for x in (finest, *(conv(x, x.shape[-1]) for x in (fine, middle, coarse))):
        boxes.append(layers.Conv2D(4, 1)(x))
        logits.append(layers.Conv2D(len(CLASS_NAMES), 1, bias_initializer=bias)(x))
    return keras.Model(picture, [boxes, logits], name="road")


def cells() -> tuple[FloatArray, FloatArray]:
    """Float32 (cells, 2) centres x, y in input pixels and (cells, 1) strides, fine ones first."""
    centres, strides = [], []
    for stride in STRIDES:
        height, width = INPUT_SIZE[0] // stride, INPUT_SIZE[1] // stride
        y, x = np.mgrid[:height, :width]
        centres.append((np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) * stride)
        strides.append(np.full((height * width, 1), stride))
    return floats(np.concatenate(centres)), floats(np.concatenate(strides))


def flattened(grids: "list[tf.Tensor]") -> "tf.Tensor":
    """(n, cells, values) of the grids, in the order of `cells`."""
    import tensorflow as tf

    rows = [tf.reshape(grid, (-1, grid.shape[1] * grid.shape[2], grid.shape[3])) for grid in grids]
    return tf.concat(rows, axis=1)


def boxes_of(raw: "tf.Tensor") -> "tf.Tensor":
    """Boxes (n, cells, 4) as centre x, y, width, height in input pixels, of flattened raw ones."""
    import tensorflow as tf

    centres, strides = cells()
    middle = raw[..., :2] * strides + centres
    size = tf.exp(tf.clip_by_value(raw[..., 2:], *SIZE_LIMIT)) * strides
    return tf.concat([middle, size], axis=-1)
