"""A camera and a detector for tests of the agent: an ideal view of the scenario's lead vehicle.

Also a script: `python agent_parts.py LINK OUT [hang | hang-with-gil]` runs an agent on them until
it is ended from outside; its detector hangs after a second if it is told to.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from pathlib import Path

import numpy as np

from edgecore.agent import Agent, EventLog
from edgecore.agent.config import AlertSettings
from edgecore.agent.uplink import Uplink
from edgecore.detections import Detections, Timings
from edgecore.frame import Frame
from edgecore.sources import Source
from firmware_bridge import scenario

SIZE = (640, 384)
FOCAL_PX = 400.0
BRAKE_S = 6.0
"""The scenario's time at which the car ahead begins to brake."""
PIXELS = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)


class Clockwork(Source):
    """Twenty frames a second by the clock, black; their times are what counts."""

    def __init__(self, seconds: float, fps: float = 20.0) -> None:
        super().__init__()
        self.description, self.fps, self.label = "clockwork", fps, "clockwork"
        self.closed = threading.Event()
        self._due_ns = time.monotonic_ns()
        self._left = round(seconds * fps)

    def __next__(self) -> Frame:
        if self._left == 0:
            raise StopIteration
        self._left -= 1
        self._due_ns += round(1e9 / (self.fps or 20.0))
        if self.closed.wait(max(0.0, (self._due_ns - time.monotonic_ns()) / 1e9)):
            raise StopIteration
        return Frame(PIXELS, *SIZE, "rgb", timestamp_ns=self._due_ns)

    def close(self) -> None:
        self.closed.set()


class IdealDetector:
    """Finds the scenario's lead vehicle exactly where a pinhole camera would see it."""

    def __init__(self, epoch_ns: int) -> None:
        self._epoch_ns = epoch_ns

    def scene_s(self, frame: Frame) -> float:
        """The scenario's time that it sees."""
        assert frame.timestamp_ns is not None
        return (frame.timestamp_ns - self._epoch_ns) / 1e9

    def detect(self, frame: Frame) -> Detections:
        scene = scenario.at(self.scene_s(frame))
        scale = FOCAL_PX / scene.lead_gap_m
        bottom = 0.42 * SIZE[1] + 1.3 * scale
        middle = SIZE[0] / 2
        box = (middle - 0.9 * scale, bottom - 1.5 * scale, middle + 0.9 * scale, bottom)
        return Detections(
            xyxy=np.array([box], np.float32),
            confidence=np.array([0.9], np.float32),
            class_id=np.array([1], np.int32),
            class_name=["car"],
            timings=Timings(0.1, 1.0, 0.1),
        )


class PromptedDetector(IdealDetector):
    """The car ahead cruises until it is to brake, which it does a second later."""

    def __init__(self) -> None:
        super().__init__(0)
        self._braking = False

    def brake(self) -> None:
        self._epoch_ns = time.monotonic_ns() - round((BRAKE_S - 1) * 1e9)
        self._braking = True

    def scene_s(self, frame: Frame) -> float:
        return super().scene_s(frame) if self._braking else BRAKE_S - 1


class HangingDetector(IdealDetector):
    """Never comes back from its twentieth frame on, with the GIL or without."""

    def __init__(self, epoch_ns: int, *, hold_gil: bool = False) -> None:
        super().__init__(epoch_ns)
        self._frames = 0
        self._hold_gil = hold_gil

    def detect(self, frame: Frame) -> Detections:
        self._frames += 1
        if self._frames >= 20:
            if self._hold_gil:
                ctypes.PyDLL(None).sleep(3600)
            time.sleep(3600)
        return super().detect(frame)


def main(link: str, out: str, fault: str = "") -> None:
    epoch_ns = time.monotonic_ns()
    detector = (
        HangingDetector(epoch_ns, hold_gil=fault == "hang-with-gil")
        if fault
        else IdealDetector(epoch_ns)
    )
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    events = EventLog(folder / "events.jsonl")
    uplink = Uplink(link, AlertSettings(), events)
    Agent(Clockwork(3600), detector, events, uplink=uplink).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
