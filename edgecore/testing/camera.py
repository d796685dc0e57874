"""A camera whose pictures a test chooses, with the truth about them."""

from __future__ import annotations

import contextlib
import functools
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecore.testing.dut import Dut
from edgecore.testing.errors import RigError
from firmware_bridge.testing.scratch_folder import ScratchFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgecore.synthetic.scene import Truth


_RING_S = 120.0
"""For a camera process to begin: a second of a processor, which may have much else to do."""
_LOOK_S = 0.02


@dataclass(frozen=True)
class Shot:
    """Pictures to come.

    Attributes:
        source: for `edge_agent.start`, or `edgecore.sources.open`.
    """

    source: str
    _truth: Callable[[str], Sequence[Truth]]

    def truth(self, label: str) -> Sequence[Truth]:
        """What the picture of that label shows; agents write it into their alerts as `label`.

        Raises:
            KeyError: no such picture, or nothing is known of it.
        """
        return self._truth(label)


class Camera:
    """Makes pictures for an agent; the fixture `edge_camera`."""

    def __init__(self, folder: Path, dut: Dut) -> None:
        self._folder, self._dut = folder, dut
        self._shots = 0
        self._ends = contextlib.ExitStack()

    def road(
        self,
        *,
        seed: int = 0,
        fps: float = 20.0,
        duration_s: float = 0.0,
        start_s: float | None = None,
        width: int = 640,
        height: int = 384,
    ) -> Shot:
        """The rendered road.

        Args:
            seed: of the scenery.
            fps: pictures per second of the drive.
            duration_s: of the drive until the source ends; 0 is without end.
            start_s: time of the drive at the first picture. The drive waits for whoever looks at
                it: no picture is missed, however late or slow they are. None: live, on the drive
                that the device's simulated vehicle is on.
            width, height: pixels, even, at least 64.

        Raises:
            ValueError: a number that cannot be.
        """
        from edgecore.synthetic import Road

        if not 0 < fps < math.inf:
            raise ValueError(f"fps: expected pictures per second, more than 0, got {fps!r}")
        for name, pixels in (("width", width), ("height", height)):
            if pixels < 64 or pixels % 2:
                raise ValueError(f"{name}: expected pixels, even, at least 64, got {pixels!r}")

        if start_s is None:
            begin = f"epoch_ns={self._dut.scene_epoch_ns or time.monotonic_ns()}"
        else:
            begin = f"realtime=0&first={round(start_s * fps)}"
        source = (
            f"synthetic:?seed={seed}&fps={fps:g}&duration={duration_s:g}&{begin}"
            f"&width={width}&height={height}"
        )

        @functools.cache
        def road() -> Road:
            return Road(width=width, height=height, fps=fps, seed=seed)

        def truth(label: str) -> Sequence[Truth]:
            kind, _, number = label.partition("#")
            if kind != "synthetic" or not number.isdecimal():
                raise KeyError(f"expected a label such as synthetic#12, got {label!r}")
            return road().render(int(number) / fps)[1]

        return Shot(source, truth)

    def pictures(
        self, pictures: Iterable[NDArray[np.uint8]], truth: Sequence[Sequence[Truth]] = ()
    ) -> Shot:
        """These pictures, once, each as it is.

        Args:
            pictures: uint8 (h, w, 3) RGB.
            truth: what each of them shows; none: nothing is known.

        Raises:
            ValueError: a picture of another kind, or another number of truths than of pictures.
        """
        from PIL import Image

        folder = self._folder / f"shot-{self._shots}"
        self._shots += 1
        folder.mkdir(parents=True)
        files = []
        for number, picture in enumerate(pictures):
            if str(picture.dtype) != "uint8" or picture.shape[2:] != (3,):
                raise ValueError(
                    f"picture {number}: expected uint8 (h, w, 3), got {picture.dtype} "
                    f"{picture.shape}"
                )
            files.append(folder / f"{number:06}.png")
            Image.fromarray(picture).save(files[-1], compress_level=1)
        if truth and len(truth) != len(files):
            raise ValueError(f"expected {len(files)} truths, one a picture, got {len(truth)}")
        known = {str(path): shown for path, shown in zip(files, truth or (), strict=False)}
        return Shot(str(folder), known.__getitem__)

    def file(self, path: Path | str, truth: Mapping[str, Sequence[Truth]] | None = None) -> Shot:
        """A video, a picture or a folder of them.

        Args:
            path: whatever `edgecore.sources.open` takes.
            truth: what its frames show, by label.
        """
        return Shot(str(path), dict(truth or {}).__getitem__)

    def ring(self, shot: Shot, *, fps: float = 20.0) -> Shot:
        """The same pictures by way of shared memory, shown by a camera process of its own.

        As from any camera the newest one wins: an agent that is slower misses some, and counts
        them. They begin when the agent is there, and end with the shot; the test's end ends the
        process.

        Args:
            shot: of this camera.
            fps: of pictures and files; the road has its own.

        Raises:
            RigError: there is no such camera; the text has what it said.
        """
        # A socket's path has 107 bytes at most, which a test's folder may exceed.
        scratch = ScratchFolder("edgecore-ring-")
        self._ends.callback(scratch.close)
        folder = scratch.path
        socket, journal = folder / "ring", folder / "journal"
        with (folder / "said").open("wb") as said:
            process = self._ends.enter_context(
                subprocess.Popen(
                    [
                        *(sys.executable, "-m", "edgecore.ring.camera"),
                        *(str(socket), shot.source, str(journal), str(fps)),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=said,
                    stderr=said,
                )
            )
        self._ends.callback(process.kill)
        until_s = time.monotonic() + _RING_S
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > until_s:
                why = (folder / "said").read_text().strip() or f"not there after {_RING_S:g} s"
                raise RigError(f"no camera: {why}")
            time.sleep(_LOOK_S)

        def truth(label: str) -> Sequence[Truth]:
            place, _, number = label.rpartition("#")
            shown = dict(line.split(" ", 1) for line in journal.read_text().splitlines())
            if place != str(socket) or number not in shown:
                raise KeyError(f"expected a label such as {socket}#12, got {label!r}")
            return shot.truth(shown[number])

        return Shot(f"ring:{socket}?reconnect=0", truth)

    def close(self) -> None:
        """Ends what it started."""
        self._ends.close()
