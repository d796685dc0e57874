"""Where the pixels of recorded frames are had from again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edgecore.errors import FlightError, SourceError

from .file import kept_frames, read_frame
from .pixels import unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecore.frame import Frame
    from edgecore.sources import Source


class Supply(Protocol):
    """Gives the frames of a flight's lines, in their order.

    Attributes:
        whole: whether it should have all of them.
    """

    whole: bool

    def frame(self, line: Mapping[str, Any]) -> Frame | None:
        """The frame of this line; None: it has none.

        Raises:
            FlightError: it cannot be read.
        """

    def close(self) -> None:
        """Release what it holds."""


class KeptFrames:
    """The pixels that lie in the flight itself.

    Raises:
        FlightError: it cannot be read, or keeps none.
    """

    whole = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = kept_frames(path)
        if not self._numbers:
            raise FlightError(f"{path}: expected frames with all their pixels in it, got none")

    def frame(self, line: Mapping[str, Any]) -> Frame | None:
        """From the file, if it was kept."""
        number = line.get("frame")
        if number not in self._numbers:
            return None
        return unpacked(read_frame(self._path, int(number)), line)

    def close(self) -> None:
        """Nothing is held."""


class SourceFrames:
    """A source that begins anew each time: a video, pictures, or the synthetic road.

    Frames are known by what their labels end in: the number in a video, the name of a picture.

    Args:
        url: as `edgecore.sources.open` takes it.

    Raises:
        FlightError: of `frame`: the source cannot be opened or read.
    """

    whole = True

    def __init__(self, url: str) -> None:
        self._url = url
        self._source: Source | None = None
        self._ahead: tuple[float, Frame | None] = (-1, None)

    def frame(self, line: Mapping[str, Any]) -> Frame | None:
        """From the source; what lies before it is read and left out."""
        label = line.get("label")
        if not isinstance(label, str):
            raise FlightError(f"label: expected a text, got {label!r:.80}")
        _, mark, number = label.rpartition("#")
        try:
            if not mark or not number.isdecimal():
                return self._picture(Path(label).name)
            return self._numbered(int(number))
        except SourceError as error:
            raise FlightError(f"the source: {error}") from None

    def _picture(self, name: str) -> Frame | None:
        from edgecore.sources.pictures import read_picture

        given = Path(self._url)
        path = given if given.is_file() else (given if given.is_dir() else given.parent) / name
        if path.name != name or not path.is_file():
            return None
        from edgecore.frame import Frame

        rgb = read_picture(path)
        return Frame(rgb, rgb.shape[1], rgb.shape[0], format="rgb")

    def _numbered(self, number: int) -> Frame | None:
        if self._source is None:
            self._source = opened(self._url, number)
        while self._ahead[0] < number:
            frame = next(self._source, None)
            if frame is None:
                self._ahead = (math.inf, None)
            else:
                place = self._source.label.rpartition("#")[2]
                self._ahead = (int(place) if place.isdecimal() else math.inf, frame)
        return self._ahead[1] if self._ahead[0] == number else None

    def close(self) -> None:
        """Close the source."""
        if self._source is not None:
            self._source.close()


def opened(url: str, first: int = 0) -> Source:
    """The source, from about that frame on: the synthetic road need not be driven to there."""
    from edgecore import sources

    if url.partition(":")[0] == "synthetic":
        return sources.open(url, realtime=False, duration=0, first=first)
    return sources.open(url)


def begins_anew(url: object) -> bool:
    """Whether this names a source that gives the same frames again, and none that is live."""
    if not isinstance(url, str) or not url:
        return False
    if url.partition(":")[0] == "synthetic":
        return True
    folder = Path(url).parent if "*" in Path(url).name else Path(url)
    return "://" not in url and (folder.is_file() or folder.is_dir())
