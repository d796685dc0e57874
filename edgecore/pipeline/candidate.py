"""What is to become a pipeline's new model: a file, or detectors that somebody has made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecore.preprocessing import as_frame

from .engine_model import close
from .self_test import Measured, SelfTest

if TYPE_CHECKING:
    from edgecore.frame import Frame

    from .engine_model import Detects, DetectsInStages

GREY = 114


class ModelFile:
    """A file, which is verified, tried in a child, and then loaded once for each engine.

    Args:
        path: of the model.
        isolated: load it into processes of their own, as `edgecore.isolation` does.
        options: as `Detector.from_file` takes them.
    """

    owned = True

    def __init__(self, path: str | Path, isolated: bool, options: Mapping[str, Any]) -> None:
        self._path, self._isolated, self._options = path, isolated, options
        self.name = str(path)

    def verify(self) -> None:
        """Raise what `edgecore.model.verify` raises."""
        from edgecore import model

        model.verify(self._path, self._options.get("engine", "auto"))

    def test(self, self_test: SelfTest | None) -> Measured:
        """Run it in a child: on the recorded frames, or on a grey one."""
        from edgecore.isolation import IsolatedDetector

        with IsolatedDetector(self._path, spare=False, **self._options) as child:
            return (self_test or SelfTest([grey(child.input_size)])).run(child)

    def load(self, count: int) -> list[Detects | DetectsInStages]:
        """So many detectors, each of which has run a frame."""
        made: list[Detects | DetectsInStages] = []
        try:
            for _ in range(count):
                made.append(self._loaded())
                warm(made[-1])
        except BaseException:
            for each in made:
                close(each)
            raise
        return made

    def _loaded(self) -> Detects | DetectsInStages:
        if self._isolated:
            from edgecore.isolation import IsolatedDetector

            return IsolatedDetector(self._path, **self._options)
        from edgecore.detector import Detector

        return Detector.from_file(self._path, **self._options)


class Given:
    """Detectors of a new model, one for each engine."""

    owned = False

    def __init__(self, detectors: Sequence[Detects | DetectsInStages]) -> None:
        self._detectors = list(detectors)
        self.name = type(self._detectors[0]).__name__

    def verify(self) -> None:
        """Who made them has loaded their model already."""

    def test(self, self_test: SelfTest | None) -> Measured | None:
        """Run the first one on the recorded frames, in this process; None without any."""
        return self_test.run(self._detectors[0]) if self_test is not None else None

    def load(self, count: int) -> list[Detects | DetectsInStages]:
        """All of them, after a first frame where they say of which size."""
        assert len(self._detectors) == count
        for each in self._detectors:
            warm(each)
        return self._detectors


def warm(detector: Detects | DetectsInStages) -> None:
    """Engines allocate and compile at the first invoke; it is not to be a frame's."""
    size = getattr(detector, "input_size", None)
    if size is not None:
        detector.detect(grey(size))


def grey(size: tuple[int, int]) -> Frame:
    """A frame of height and width with nothing on it."""
    return as_frame(np.full((*size, 3), GREY, np.uint8))
