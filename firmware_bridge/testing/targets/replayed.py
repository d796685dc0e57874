"""A recorded device that plays its part again."""

from __future__ import annotations

import threading
from pathlib import Path

from firmware_bridge.doors import Door
from firmware_bridge.errors import BridgeConnectionError, RecordingError
from firmware_bridge.recording import Recording
from firmware_bridge.replay import Player, play
from firmware_bridge.testing.targets.target import Target
from firmware_bridge.transport import Port, open_port


def shortfall(spec: str) -> str | None:
    """`Recording.shortfall` of the file that such a target plays; None also where it plays none."""
    try:
        recording = Recording(Path(spec.partition(":")[2]))
        for _ in recording:
            pass
    except RecordingError:
        return None
    return recording.shortfall


class ReplayTarget(Target):
    """`replay:FILE`; each power-on plays the recording from its start.

    Raises:
        RecordingError: the file is no recording, or the device says HELLO nowhere in it.
    """

    def __init__(self, spec: str) -> None:
        super().__init__()
        self.name = spec
        self.capabilities = frozenset({"power", "reset"})
        self._path = Path(spec.partition(":")[2])
        Player(Recording(self._path))
        self._door: Door | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> Port:
        """The player's place."""
        with self.lock:
            if self._door is None:
                raise BridgeConnectionError(f"{self.name}: it is off")
            return open_port(self._door.url, timeout_s=1.0)

    def start(self) -> None:
        """Begins to play once a host comes."""
        with self.lock:
            if self._door is not None:
                return
            self._over.clear()
            player, door = Player(Recording(self._path)), Door()
            self._door = door
            self._thread = threading.Thread(
                target=play, args=(player, door, self._over), name=self.name, daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Ends the player."""
        with self.lock:
            door, self._door = self._door, None
            if door is not None and self._thread is not None:
                self._over.set()
                self._thread.join()
                door.close()

    def reset(self) -> None:
        """Plays from the start again."""
        with self.lock:
            self.stop()
            self.start()

    def close(self) -> None:
        """Ends it."""
        self.stop()
