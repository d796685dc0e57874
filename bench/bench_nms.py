"""Class-aware non-maximum suppression: four sizes of three kinds of seeded boxes.

edgecore must keep exactly what the plain definition keeps, in its order. Peers decide in other
arithmetic; *agree* is the number of indices kept by both over the number kept by either.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import edgecore
from bench.definition import suppressed
from bench.harness import Row
from bench.targets import nms_name
from edgecore import isa
from edgecore.benchmark.boxes import COUNTS, IOU_THRESHOLD, KINDS, Boxes
from edgecore.benchmark.race import Entrant

LIBRARIES = (
    "powerboxes",
    "lsnms",
    "onnxruntime",
    "opencv",
    "torch_ops",
    "torchvision_ops",
    "ultralytics_nms",
    "roboflow",
)


def ours(boxes: Boxes) -> np.ndarray:
    return edgecore.nms(*boxes, iou_threshold=IOU_THRESHOLD)


def agreement(kept: np.ndarray, wanted: np.ndarray) -> float:
    kept = np.asarray(kept, np.int64)
    both = len(np.intersect1d(kept, wanted))
    return both / (len(kept) + len(wanted) - both)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", COUNTS)
def test_nms(contest: Any, peers: Any, n: int, kind: str) -> None:
    boxes = KINDS[kind](n)
    wanted = suppressed(boxes)
    name = nms_name(kind, n)
    rows: list[Row] = []
    entrants: list[Entrant] = []

    for isa_name in isa.available():
        label = f"edgecore {isa_name}"
        with isa.pinned(isa_name):
            np.testing.assert_array_equal(ours(boxes), wanted, err_msg=label)
        facts: dict[str, float | str] = {"kept": len(wanted)}
        rows.append(Row(name, label, None, facts=facts, role="edgecore"))
        entrants.append(Entrant(label, ours, partial(isa.pinned, isa_name)))

    for module in peers("boxes", *LIBRARIES):
        for way in module.suppressors():
            label = f"{module.NAME}: {way.name}"
            if n > way.most:
                rows.append(Row(name, label, None, facts={"not run": way.reason}))
                continue
            kept = way.call(boxes)
            share = agreement(kept, wanted)
            facts = {"kept": len(kept), "agree": f"{share:.2%}"}
            rows.append(Row(name, label, None, facts=facts, accurate=share == 1.0))
            entrants.append(Entrant(label, way.call))

    contest(rows, entrants, [boxes])
