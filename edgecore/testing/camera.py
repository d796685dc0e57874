"""A camera whose pictures a test chooses, with the truth about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecore.testing.dut import Dut

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgecore.synthetic.scene import Truth


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
        """The rendered road, live.

        Args:
            seed: of the scenery.
            fps: pictures per second.
            duration_s: until the source ends; 0 is without end.
            start_s: time of the drive now; None: that of the device's simulated vehicle.
            width, height: pixels, even, at least 64.
        """
        from edgecore.synthetic import Road

        epoch_ns = self._dut.scene_epoch_ns
        if start_s is not None or epoch_ns is None:
            epoch_ns = time.monotonic_ns() - round((start_s or 0.0) * 1e9)
        road = Road(width=width, height=height, fps=fps, seed=seed)
        source = (
            f"synthetic:?seed={seed}&fps={fps:g}&duration={duration_s:g}&epoch_ns={epoch_ns}"
            f"&width={width}&height={height}"
        )

        def truth(label: str) -> Sequence[Truth]:
            kind, _, number = label.partition("#")
            if kind != "synthetic" or not number.isdecimal():
                raise KeyError(f"expected a label such as synthetic#12, got {label!r}")
            return road.render(int(number) / fps)[1]

        return Shot(source, truth)

    def pictures(
        self, pictures: Iterable[NDArray[np.uint8]], truth: Sequence[Sequence[Truth]] = ()
    ) -> Shot:
        """These pictures, once, each as it is.

        Args:
            pictures: uint8 (h, w, 3) RGB.
            truth: what each of them shows.
        """
        from PIL import Image

        folder = self._folder / f"shot-{self._shots}"
        self._shots += 1
        folder.mkdir(parents=True)
        files = []
        for number, picture in enumerate(pictures):
            files.append(folder / f"{number:06}.png")
            Image.fromarray(picture, "RGB").save(files[-1], compress_level=1)
        known = {str(path): shown for path, shown in zip(files, truth, strict=False)}
        return Shot(str(folder), known.__getitem__)

    def file(self, path: Path | str, truth: Mapping[str, Sequence[Truth]] | None = None) -> Shot:
        """A video, a picture or a folder of them.

        Args:
            path: whatever `edgecore.sources.open` takes.
            truth: what its frames show, by label.
        """
        return Shot(str(path), dict(truth or {}).__getitem__)
