"""Kills producers and readers of a ring at random moments, and looks at what is left.

`python -m tests.ring.kills KILLS SEED` prints its findings as JSON. Every process is a fork of this
one. They tell what they see through a page that all of them share, so that the dead have told, too.
Each picture is one random stamp throughout: a torn one has two.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edgecore import ring
from edgecore.errors import SourceError

WIDTH, HEIGHT, SLOTS = 256, 192, 6
MORTALS, SURVIVORS = 5, 2
PATIENCE_S = 60.0
CHECK_EVERY = 250

# Rows of the board: a process each, and one by which the survivors are told to hold nothing.
PRODUCER, REST = 0, 1 + MORTALS + SURVIVORS
# Columns: what a process tells of itself.
COUNT, TORN, BUSY, READERS, LEASED, PUBLISHED, FAILED = range(7)


@dataclass
class Findings:
    kills: int = 0
    producers_killed: int = 0
    producers_killed_while_writing: int = 0
    readers_killed: int = 0
    readers_killed_while_holding_a_frame: int = 0
    frames_published: int = 0
    frames_read: int = 0
    torn: int = 0
    checks_for_leaks: int = 0
    leaked_slots: int = 0
    readers_not_forgotten: int = 0
    survivors_stuck: int = 0
    failures: int = 0


def produce(board: np.ndarray, path: str, me: int, dice: random.Random) -> None:
    row = board[me]
    with ring.Producer(path, WIDTH, HEIGHT, "gray", slots=SLOTS) as producer:
        while True:
            slot = producer.claim()
            if slot is not None:
                words = slot.frame.planes[0].reshape(-1).view(np.uint64)
                stamp, half = np.uint64(dice.getrandbits(64)), dice.randrange(len(words))
                row[BUSY] = 1
                words[:half] = stamp
                if dice.random() < 0.3:
                    time.sleep(dice.random() * 0.001)
                words[half:] = stamp
                slot.publish()
                row[BUSY] = 0
                row[PUBLISHED] += 1
            row[READERS], row[LEASED] = producer.readers, producer.leased
            row[COUNT] += 1
            time.sleep(dice.random() * 0.002)


def consume(board: np.ndarray, path: str, me: int, dice: random.Random) -> None:
    row = board[me]
    camera: ring.Consumer | None = None
    held: list[tuple[np.ndarray, np.uint64]] = []
    while True:
        if board[REST, 0] and me > MORTALS:
            held.clear()
            row[BUSY] = 0
            time.sleep(0.001)
            continue
        if camera is None or camera.ended:
            with suppress(SourceError):
                camera = ring.Consumer(path)
            continue
        frame = camera.read(0.1)
        if frame is None:
            continue
        words = frame.planes[0].reshape(-1).view(np.uint64)
        held.append((words, words[0]))
        row[BUSY] = len(held)
        del frame, words
        time.sleep(dice.random() * 0.003)
        for words, stamp in held:
            row[TORN] += bool((words != stamp).any())
            del words
        row[COUNT] += 1
        del held[: max(0, len(held) - dice.randrange(3))]
        row[BUSY] = len(held)


class Massacre:
    def __init__(self, path: str, seed: int) -> None:
        self.path = path
        self.dice = random.Random(seed)
        self.board = np.frombuffer(mmap.mmap(-1, mmap.PAGESIZE), np.int64).reshape(-1, 8)
        self.found = Findings()
        self.pids = {me: self.spawn(me) for me in range(REST)}

    def spawn(self, me: int) -> int:
        seed = self.dice.getrandbits(64)
        self.board[me, BUSY] = 0
        pid = os.fork()
        if pid == 0:
            try:
                role = produce if me == PRODUCER else consume
                role(self.board, self.path, me, random.Random(seed))
            except BaseException:
                traceback.print_exc()
                self.board[me, FAILED] += 1
            os._exit(1)
        return pid

    def kill(self, me: int) -> None:
        os.kill(self.pids[me], signal.SIGKILL)
        os.waitpid(self.pids[me], 0)
        self.found.kills += 1
        busy = bool(self.board[me, BUSY])
        if me == PRODUCER:
            self.found.producers_killed += 1
            self.found.producers_killed_while_writing += busy
        else:
            self.found.readers_killed += 1
            self.found.readers_killed_while_holding_a_frame += busy

    def comes(self, condition: Callable[[], object]) -> bool:
        end = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.002)
        return True

    def look(self) -> None:
        """With the mortals dead and the survivors empty-handed, nothing may be leased."""
        for me in range(1, 1 + MORTALS):
            self.kill(me)
        self.board[REST, 0] = 1
        survivors = range(1 + MORTALS, REST)
        self.comes(lambda: not self.board[survivors, BUSY].any())
        before, row = int(self.board[PRODUCER, COUNT]), self.board[PRODUCER]
        self.comes(
            lambda: row[COUNT] > before + 2 and row[READERS] <= SURVIVORS and row[LEASED] == 0
        )
        self.found.checks_for_leaks += 1
        self.found.leaked_slots += int(row[LEASED])
        self.found.readers_not_forgotten += max(0, int(row[READERS]) - SURVIVORS)
        seen = self.board[survivors, COUNT].copy()
        self.board[REST, 0] = 0
        if not self.comes(lambda: (self.board[survivors, COUNT] > seen).all()):
            self.found.survivors_stuck += 1
        for me in range(1, 1 + MORTALS):
            self.pids[me] = self.spawn(me)

    def run(self, kills: int) -> Findings:
        try:
            while self.found.kills < kills:
                if self.found.kills // CHECK_EVERY >= self.found.checks_for_leaks:
                    self.look()
                time.sleep(self.dice.expovariate(1 / 0.003))
                me = PRODUCER if self.dice.random() < 0.1 else self.dice.randint(1, MORTALS)
                self.kill(me)
                self.pids[me] = self.spawn(me)
            self.look()
        finally:
            for pid in self.pids.values():
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        found = self.found
        found.frames_published = int(self.board[PRODUCER, PUBLISHED])
        found.frames_read = int(self.board[1:REST, COUNT].sum())
        found.torn = int(self.board[:REST, TORN].sum())
        found.failures = int(self.board[:REST, FAILED].sum())
        return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="ring-") as folder:
        massacre = Massacre(str(Path(folder) / "camera.sock"), int(sys.argv[2]))
        print(json.dumps(asdict(massacre.run(int(sys.argv[1])))))
