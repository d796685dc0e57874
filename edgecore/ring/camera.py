"""A camera process for tests: shows a source's frames in a ring, and notes which was which.

``python -m edgecore.ring.camera SOCKET SOURCE JOURNAL FPS``, ended by the end of its input. It
stands here because whatever is run from `edgecore.testing` brings pytest.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from edgecore import sources
from edgecore.errors import EdgecoreError
from edgecore.ring.producer import Producer

LOOK_S = 0.005


def show(socket: str, url: str, journal: Path, fps: float) -> None:
    """Publishes every frame of the source, from when the first reader is there.

    Args:
        socket: of the ring.
        url: as `edgecore.sources.open` takes it.
        journal: gets a line for each frame: its sequence number, a blank, its label.
        fps: of a source that is not live.
    """
    with sources.open(url) as source:
        first = next(source, None)
    if first is None:
        raise SystemExit(f"{url}: expected at least one frame, got none")
    format, color, width, height = first.kind
    with (
        journal.open("w", buffering=1) as lines,
        Producer(socket, width, height, format, color=color) as camera,
    ):
        while not camera.readers:
            time.sleep(LOOK_S)
        with sources.open(url) as source:  # its time begins when somebody looks
            begun_s, published = time.monotonic(), 0
            for frame in source:
                lines.write(f"{published + camera.dropped + 1} {source.label}\n")
                published += camera.publish(frame)
                if not source.live:  # each is shown for as long as the others, the last one too
                    begun_s += 1 / fps
                    time.sleep(max(0.0, begun_s - time.monotonic()))


def _end_with_the_test() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_test, daemon=True).start()
    try:
        show(sys.argv[1], sys.argv[2], Path(sys.argv[3]), float(sys.argv[4]))
    except (EdgecoreError, ValueError) as reason:
        raise SystemExit(str(reason)) from None
