"""From the trained network to road.tflite: 8-bit inside, boxes in float at the very end."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgecore.synthetic.training import network
from edgecore.synthetic.training.dataset import INPUT_SIZE, Scenes
from edgecore.synthetic.training.metadata import with_metadata

CALIBRATION_SCENES = 200
_FLOAT_PART = "boxes_in_float"


def export(model: Any, scenes: Scenes) -> bytes:
    """The .tflite file: int8 picture in, float32 (1, 4 + classes, cells) out.

    Weights and activations are int8 to the raw boxes and the scores. The arithmetic that makes
    boxes of them stays float32: in one int8 tensor with the scores a box would have steps of
    1/255 of the picture, 2.5 pixels, and the collision rule reads changes smaller than that.

    Args:
        model: a trained network.
        scenes: some of them set the ranges of the activations.
    """
    import tensorflow as tf

    graph = _inference(model)
    samples = _calibration(scenes)

    def calibration() -> Iterator[list[np.ndarray[Any, Any]]]:
        for sample in samples:
            yield [sample]

    unquantised = tf.lite.TFLiteConverter.from_concrete_functions([graph]).convert()
    interpreter = tf.lite.Interpreter(model_content=unquantised)
    names = [tensor["name"] for tensor in interpreter.get_tensor_details()]
    output = interpreter.get_output_details()[0]["name"]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = calibration
    options = tf.lite.experimental.QuantizationDebugOptions(
        denylisted_nodes=[output, *(name for name in names if _FLOAT_PART in name)]
    )
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=calibration, debug_options=options
    )
    mixed = debugger.get_nondebug_quantized_model()
    return with_metadata(_int8_input(mixed))


def _inference(model: Any) -> Any:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    height, width = INPUT_SIZE
    sides = np.array([width, height, width, height], np.float32)

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[tf.TensorSpec((1, height, width, 3), tf.float32, "picture")]
    )
    def detect(picture: Any) -> dict[str, Any]:
        raw, logits = model(picture, training=False)
        scores = tf.sigmoid(network.flattened(logits))
        with tf.name_scope(_FLOAT_PART):
            boxes = network.boxes_of(network.flattened(raw)) / sides
            rows = tf.concat([boxes, scores], axis=-1)
            return {"detections": tf.transpose(rows, (0, 2, 1))}

    return convert_variables_to_constants_v2(detect.get_concrete_function())


def _calibration(scenes: Scenes) -> list["np.ndarray[Any, Any]"]:
    """Evenly spread pictures; two pixels of the first make the input's range 0 to 1 exactly."""
    step = max(1, len(scenes.pictures) // CALIBRATION_SCENES)
    samples = [
        (picture[None] / np.float32(255)).astype(np.float32) for picture in scenes.pictures[::step]
    ]
    samples[0][0, 0, 0], samples[0][0, 0, 1] = 0, 1
    return samples


def _int8_input(model: bytes) -> bytes:
    import tensorflow as tf
    from tensorflow.lite.python.util import modify_model_io_type

    return bytes(modify_model_io_type(model, tf.int8, tf.float32))
