"""onnxruntime's NonMaxSuppression, as a model of that one operator."""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from bench.peers.boxes.suppressor import Suppressor, shifted
from edgecore.benchmark.boxes import IOU_THRESHOLD, Boxes

NAME, VERSION = "onnxruntime", onnxruntime.__version__
MOST_OUTPUTS = 1 << 20


def _session() -> onnxruntime.InferenceSession:
    scalars = {"most": (TensorProto.INT64, MOST_OUTPUTS), "iou": (TensorProto.FLOAT, IOU_THRESHOLD)}
    node = helper.make_node("NonMaxSuppression", ["boxes", "scores", "most", "iou"], ["kept"])
    graph = helper.make_graph(
        [node],
        "nms",
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, "n", 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, "c", "n"]),
        ],
        [helper.make_tensor_value_info("kept", TensorProto.INT64, ["k", 3])],
        [helper.make_tensor(name, kind, [1], [value]) for name, (kind, value) in scalars.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def suppressors() -> list[Suppressor]:
    session = _session()

    def call(boxes: Boxes) -> np.ndarray:
        # The operator takes any two opposite corners in any order of axes.
        feed = {"boxes": shifted(boxes)[None], "scores": boxes.scores[None, None]}
        return session.run(None, feed)[0][:, 2]

    return [Suppressor("NonMaxSuppression", call)]
