"""Lines of a flight's log: JSON objects whose `record` says what they are.

state   of rules and tracker, before the frame that follows: a replay can begin here
frame   what was looked at: sums of its pixels; what the rules were given: detections with their
        ids, speed, and the telemetry that came since the frame before; and what came of it: `view`
        of each collision rule, `events`
event   as events.jsonl has it, but for those of the rules, which stand with their frames
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecore.detections import Detections
from edgecore.errors import FlightError
from edgecore.frame import MAX_SIDE
from edgecore.rules import CollisionRule, Moment

from .pixels import described

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from edgecore.frame import Frame
    from edgecore.rules import Event, RuleSet

FARTHEST_PX = 1e9
NUMBER = re.compile(r"[<>|][iufb][1248]")


def frame_line(
    frame: Frame,
    moment: Moment,
    rules: RuleSet,
    events: Iterable[Event],
    label: str,
    link: str | None,
) -> bytes:
    """A frame, whole: its moment can be read back bit for bit, since doubles hold any float32."""
    found = moment.detections
    return dumped(
        record="frame",
        frame=moment.frame,
        label=label,
        t_ns=moment.t_ns,
        size=moment.size,
        pixels=described(frame),
        speed_mps=moment.speed_mps,
        link=link,
        xyxy=found.xyxy.tolist(),
        confidence=found.confidence.tolist(),
        class_id=found.class_id.tolist(),
        class_name=found.class_name,
        tracker_id=moment.tracker_id,
        records={name: table(batch) for name, batch in moment.records.items()},
        **outcome(rules, events),
    )


def outcome(rules: RuleSet, events: Iterable[Event]) -> dict[str, Any]:
    """What came of a frame, of plain values: what a replay compares."""
    views = {
        name: {
            "lead": rule.view.lead,
            "ttc_s": rule.view.ttc_s,
            "danger": rule.view.danger.value,
        }
        for name, rule in rules.rules.items()
        if isinstance(rule, CollisionRule)
    }
    return {"view": views, "events": [asdict(event) for event in events]}


def detections(found: Detections) -> list[dict[str, Any]]:
    """What was found in a frame, of plain values, each exact."""
    assert found.tracker_id is not None
    columns = (found.xyxy, found.confidence, found.class_id, found.tracker_id)
    return [
        {"class_name": name, "class_id": number, "confidence": sure, "xyxy": box, "tracker_id": who}
        for name, box, sure, number, who in zip(
            found.class_name, *(column.tolist() for column in columns), strict=True
        )
    ]


def table(batch: NDArray[np.void]) -> dict[str, Any]:
    """A structured array's plain numbers."""
    kinds = [(name, batch.dtype[name].str) for name in batch.dtype.names or ()]
    kinds = [(name, kind) for name, kind in kinds if NUMBER.fullmatch(kind)]
    rows = batch[[name for name, _ in kinds]].tolist()
    return {"fields": kinds, "rows": rows}


def dumped(**fields: Any) -> bytes:
    """One line, without its end; what JSON does not know stands as text."""
    return json.dumps(fields, separators=(",", ":"), default=str).encode()


def read_moment(line: Mapping[str, Any]) -> Moment:
    """The moment of a frame's line.

    Raises:
        FlightError: a field is missing or does not fit; named, with what was expected and came.
    """
    size = _list(line, "size")
    if len(size) != 2 or not all(type(one) is int and 1 <= one <= MAX_SIDE for one in size):
        raise FlightError(f"size: expected two sides of 1 to {MAX_SIDE} pixels, got {size!r:.80}")
    speed_mps = line.get("speed_mps")
    if speed_mps is not None and type(speed_mps) not in (int, float):
        raise FlightError(f"speed_mps: expected a number or null, got {speed_mps!r:.80}")
    confidence = _numbers(_list(line, "confidence"), "confidence")
    names, ids = _list(line, "class_name"), _list(line, "class_id")
    boxes = [_numbers(row, "xyxy", 4) for row in _list(line, "xyxy")]
    if not len(boxes) == len(confidence) == len(names) == len(ids):
        lengths = [len(boxes), len(confidence), len(names), len(ids)]
        raise FlightError(
            f"xyxy, confidence, class_name, class_id: expected one length, got {lengths}"
        )
    if not all(isinstance(name, str) for name in names):
        raise FlightError(f"class_name: expected texts, got {names!r:.80}")
    if not all(type(one) is int and abs(one) < 2**31 for one in ids):
        raise FlightError(f"class_id: expected whole numbers of 32 bits, got {ids!r:.80}")
    trackers = _list(line, "tracker_id")
    if len(trackers) != len(ids) or not all(
        type(one) is int and abs(one) < 2**31 for one in trackers
    ):
        raise FlightError(f"tracker_id: expected {len(ids)} whole numbers, got {trackers!r:.80}")
    records = line.get("records")
    if not isinstance(records, dict):
        raise FlightError(f"records: expected a table, got {records!r:.80}")
    return Moment(
        _whole(line, "frame"),
        _whole(line, "t_ns"),
        Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(confidence, np.float32),
            np.array(ids, np.int32),
            names,
            tracker_id=np.array(trackers, np.int32),
        ),
        (size[0], size[1]),
        speed_mps,
        {name: _batch(name, table) for name, table in records.items()},
    )


def _batch(name: str, table: Any) -> NDArray[np.void]:
    fields = table.get("fields") if isinstance(table, dict) else None
    if not isinstance(fields, list) or not all(
        isinstance(one, list)
        and len(one) == 2
        and all(isinstance(text, str) for text in one)
        and NUMBER.fullmatch(one[1])
        for one in fields
    ):
        raise FlightError(f"records.{name}: expected names and types of fields, got {fields!r:.80}")
    try:
        rows = [tuple(row) for row in _list(table, "rows")]
        return np.array(rows, [(one[0], one[1]) for one in fields])
    except (TypeError, ValueError, OverflowError) as error:
        raise FlightError(f"records.{name}: {error}") from None


def _list(line: Mapping[str, Any], name: str) -> list[Any]:
    value = line.get(name)
    if not isinstance(value, list):
        raise FlightError(f"{name}: expected a list, got {value!r:.80}")
    return value


def _numbers(values: Any, name: str, length: int | None = None) -> list[float]:
    fits = isinstance(values, list) and all(
        type(one) is float and math.isfinite(one) and abs(one) <= FARTHEST_PX for one in values
    )
    if not fits or length not in (None, len(values)):
        count = "" if length is None else f"{length} "
        raise FlightError(
            f"{name}: expected {count}numbers within {FARTHEST_PX:g}, got {values!r:.80}"
        )
    return list(values)


def _whole(line: Mapping[str, Any], name: str) -> int:
    value = line.get(name)
    if type(value) is not int or abs(value) >= 2**63:
        raise FlightError(f"{name}: expected a whole number of 64 bits, got {value!r:.80}")
    return value
