"""What parent and child say to each other over their socket.

A message is 8 bytes, kind and length of the body, and the body. To the child: OPTIONS once, then
RING and FRAME. From the child: READY or REFUSED, then for every frame FOUND or FAILED. The options
are pickled, for the child trusts its parent; the parent believes nothing of the child's unchecked.
"""

from __future__ import annotations

import json
import select
import socket
import struct
from dataclasses import asdict
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgecore.detections import Detections, Timings
from edgecore.engines import EngineInfo
from firmware_bridge.patience import Patience

HEADER = struct.Struct("<II")
FOUND = struct.Struct("<IIIddd")
TICKET = struct.Struct("<Q")
BODY_MOST = 4 << 20
"""Enough for 10,000 detections of 40 keypoints."""
TEXT_MOST = 2000
KEPT_RINGS = 4
"""Both ends keep those used last; cameras of more sizes than that, in turn, cost a ring a frame."""

Options: TypeAlias = dict[str, Any]
"""Keywords of `Detector.from_file`, its path, and the child's ceiling of memory."""


class Kind(IntEnum):
    """Of messages."""

    OPTIONS = 1
    RING = 2
    FRAME = 3
    READY = 4
    FOUND = 5
    FAILED = 6
    REFUSED = 7


class Facts(NamedTuple):
    """What a child says of its detector when it is ready."""

    labels: tuple[str, ...]
    input_size: tuple[int, int]
    info: EngineInfo


class Gone(Exception):
    """The other end hung up."""


class Late(Exception):
    """The other end said nothing, or not all of it, in time."""


class Nonsense(Exception):
    """What came is no message; the text says why."""


def send(line: socket.socket, kind: Kind, body: bytes = b"") -> None:
    """One message, whole.

    Raises:
        Gone: nobody reads it any more.
    """
    try:
        line.sendall(HEADER.pack(kind, len(body)) + body)
    except OSError:
        raise Gone from None


def heard(line: socket.socket, timeout_s: float) -> bool:
    """Whether something is there to be received, or the end, after waiting for it so long.

    Raises:
        Gone: this end was closed.
    """
    return bool(_waiting_on(line).poll(timeout_s * 1000))


def receive(line: socket.socket, timeout_s: float | None) -> tuple[Kind, bytes]:
    """The next message.

    Args:
        line: a stream socket.
        timeout_s: for the whole message; None: without end.

    Raises:
        Gone, Late, Nonsense: there is none.
    """
    patience = None if timeout_s is None else Patience(timeout_s)
    number, length = HEADER.unpack(_exactly(line, HEADER.size, patience))
    if number not in Kind.__members__.values() or length > BODY_MOST:
        raise Nonsense(f"expected a message of at most {BODY_MOST} bytes, got {number}, {length}")
    return Kind(number), _exactly(line, length, patience)


def _waiting_on(line: socket.socket) -> select.poll:
    waiting = select.poll()
    try:
        waiting.register(line, select.POLLIN)
    except ValueError:
        raise Gone from None
    return waiting


def _exactly(line: socket.socket, count: int, patience: Patience | None) -> bytes:
    data = bytearray()
    waiting = _waiting_on(line)
    while len(data) < count:
        slice_s = None if patience is None else patience.slice_s()
        if not waiting.poll(None if slice_s is None else slice_s * 1000):
            if slice_s == 0.0:
                raise Late
            continue
        try:
            part = line.recv(count - len(data))
        except OSError:
            raise Gone from None
        if not part:
            raise Gone
        data += part
    return bytes(data)


def facts_message(facts: Facts) -> bytes:
    """The body of READY."""
    return json.dumps([facts.labels, facts.input_size, asdict(facts.info)]).encode()


def facts_of(body: bytes) -> Facts:
    """What READY says.

    Raises:
        Nonsense: it is not what `facts_message` makes.
    """
    try:
        labels, (height, width), info = json.loads(body)
        return Facts(
            tuple(str(label) for label in labels),
            (int(height), int(width)),
            EngineInfo(
                str(info["engine"]),
                str(info["accelerator"]),
                tuple(str(reason) for reason in info["refused"]),
                int(info["num_threads"]),
                {int(count): float(ms) for count, ms in info["threads_ms"].items()},
            ),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Nonsense(f"expected facts of a detector: {error}") from None


def found_message(found: Detections) -> bytes:
    """The body of FOUND."""
    keypoints = 0 if found.keypoints is None else found.keypoints.shape[1]
    timings = found.timings
    head = FOUND.pack(
        len(found),
        keypoints,
        found.truncated,
        timings.preprocess_ms,
        timings.invoke_ms,
        timings.postprocess_ms,
    )
    columns = [found.xyxy, found.confidence, found.class_id]
    if found.keypoints is not None:
        columns.append(found.keypoints)
    return head + b"".join(column.tobytes() for column in columns)


def found_of(body: bytes, labels: tuple[str, ...]) -> Detections:
    """What FOUND says; every column is a copy.

    Raises:
        Nonsense: it is not what `found_message` makes.
    """
    if len(body) < FOUND.size:
        raise Nonsense(f"expected detections of at least {FOUND.size} bytes, got {len(body)}")
    count, keypoints, truncated, *spent = FOUND.unpack_from(body)
    sizes = [4 * count, count, count, 2 * keypoints * count]
    if FOUND.size + 4 * sum(sizes) != len(body):
        raise Nonsense(f"expected {count} detections of {keypoints} keypoints, got {len(body)} B")
    xyxy, confidence, class_id, points = np.split(
        np.frombuffer(body, np.float32, offset=FOUND.size), np.cumsum(sizes)[:-1]
    )
    if not (np.isfinite(xyxy).all() and np.isfinite(confidence).all()):
        raise Nonsense("expected finite boxes and confidences")
    numbers: NDArray[np.int32] = class_id.view(np.int32).copy()
    known = len(labels)
    return Detections(
        xyxy=xyxy.reshape(count, 4).copy(),
        confidence=confidence.copy(),
        class_id=numbers,
        class_name=[labels[n] if 0 <= n < known else str(n) for n in numbers.tolist()],
        truncated=bool(truncated),
        keypoints=points.reshape(count, keypoints, 2).copy() if keypoints else None,
        timings=Timings(*spent),
    )


def text_of(body: bytes) -> str:
    """What FAILED or REFUSED says, on one line."""
    return " ".join(body[:TEXT_MOST].decode("utf-8", "replace").split())


def text_message(error: BaseException, more: str = "") -> bytes:
    """The body of FAILED or REFUSED; `more` is said after it, however long it is."""
    text = (str(error) or type(error).__name__).encode()
    return text[: TEXT_MOST - len(more)] + more.encode()


def beneath(ceiling: int | None) -> str:
    """To be said after any failure of a child: the ceiling of its memory may be the cause."""
    return "" if ceiling is None else f" (beneath its ceiling of {ceiling} bytes)"
