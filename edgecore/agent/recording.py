"""Annotated frames on disk: one video, or one picture each, written behind the agent's back."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image

from edgecore.annotate import annotate
from edgecore.errors import SourceError
from firmware_bridge.patience import Patience

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecore.detections import Detections
    from edgecore.frame import Frame

BT709, BT601, LIMITED = 1, 5, 1
# Best first: encoder, its pixel format and colour matrix, the container's suffix and FFmpeg's name
# for it, encoder options. The mp4 is written in fragments, so that what was recorded before a crash
# can be played.
Encoder = tuple[str, str, int, str, str, dict[str, str]]
ENCODERS: tuple[Encoder, ...] = (
    ("libx264", "yuv420p", BT709, ".mp4", "mp4", {"preset": "superfast", "crf": "23"}),
    ("mpeg4", "yuv420p", BT601, ".mp4", "mp4", {"qscale": "4"}),
    ("mjpeg", "yuvj420p", BT601, ".mkv", "matroska", {"qscale": "4"}),
)
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
MILLISECOND = Fraction(1, 1000)


class Recording(Protocol):
    """Takes annotated frames."""

    def add(self, rgb: NDArray[np.uint8], timestamp_ns: int, label: str) -> None:
        """One more frame: uint8 (h, w, 3) RGB, later than the one before."""

    def close(self) -> None:
        """Finish the files."""

    @property
    def path(self) -> Path | None:
        """Where it lies; None while nothing was added."""


class VideoRecording:
    """A video beside `stem`, with the best encoder this PyAV has; frames keep their times.

    Raises:
        SourceError: no encoder can be had, or the file cannot be written.
    """

    def __init__(self, stem: Path) -> None:
        self._stem = stem
        self._container: Any = None
        self._stream: Any = None
        self._file: IO[bytes] | None = None
        self._broken = False
        self._size = (0, 0)
        self._matrix = BT601
        self._first_ns = 0
        self._last_ms = -1
        self._path: Path | None = None

    @property
    def path(self) -> Path | None:
        """Where the video lies; None while nothing was added."""
        return self._path

    def _open(self, width: int, height: int) -> None:
        import av

        for name, pixels, matrix, suffix, kind, options in ENCODERS:
            if name not in av.codec.codecs_available:
                continue
            path = self._stem.with_name(self._stem.name + suffix)
            try:
                # FFmpeg's own files keep quiet about a disk that is full; Python's do not.
                self._file = path.open("wb", buffering=0)
            except OSError as error:
                raise SourceError(f"{path}: cannot be written: {error.strerror}") from None
            self._container = av.open(
                self._file, "w", format=kind, options=FRAGMENTED if kind == "mp4" else {}
            )
            self._stream = self._container.add_stream(name, rate=30, options=options)
            context = self._stream.codec_context
            context.width, context.height, context.pix_fmt = width, height, pixels
            context.time_base = MILLISECOND
            context.gop_size, context.max_b_frames = 60, 0
            if matrix == BT709:
                context.colorspace, context.color_range = BT709, LIMITED
            self._path, self._matrix = path, matrix
            return
        raise SourceError("no video encoder in this PyAV; use annotate = 'pictures'")

    def add(self, rgb: NDArray[np.uint8], timestamp_ns: int, label: str) -> None:
        """One more frame; one of another size than the first is scaled to it."""
        import av

        if self._stream is None:
            self._size = (max(2, rgb.shape[1] & ~1), max(2, rgb.shape[0] & ~1))
            self._first_ns = timestamp_ns
            self._open(*self._size)
        context = self._stream.codec_context
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24").reformat(
            width=self._size[0],
            height=self._size[1],
            format=context.pix_fmt,
            dst_colorspace=self._matrix,
        )
        at_ms = max(self._last_ms + 1, (timestamp_ns - self._first_ns) // 1_000_000)
        picture.pts, picture.time_base = at_ms, MILLISECOND
        self._last_ms = at_ms
        self._mux(picture)

    def _mux(self, picture: Any) -> None:
        import av.error

        try:
            self._container.mux(self._stream.encode(picture))
        except (OSError, av.error.FFmpegError) as error:
            self._broken = True
            raise SourceError(f"{self._path}: cannot be written: {error.strerror}") from None

    def close(self) -> None:
        """Write what the encoder still holds and finish the file."""
        if self._container is None or self._file is None:
            return
        import av.error

        with self._file:
            container, broken = self._container, self._broken
            try:
                if not broken:
                    self._mux(None)
                container.close()
            except (OSError, av.error.FFmpegError) as error:
                if not broken:  # else it was said already
                    raise SourceError(
                        f"{self._path}: cannot be written: {error.strerror}"
                    ) from None
            finally:
                self._container = None


class PictureRecording:
    """One JPEG a frame in a folder, named after where the frame came from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: set[str] = set()

    @property
    def path(self) -> Path | None:
        """The folder; None while nothing was added."""
        return self._folder if self._used else None

    def add(self, rgb: NDArray[np.uint8], timestamp_ns: int, label: str) -> None:
        """One more picture; a name that is taken gets a number."""
        name, _, number = label.rpartition("#")
        base = (Path(name or label).stem or "frame") + (
            f"-{int(number):06d}" if name and number else ""
        )
        chosen, count = base, 1
        while chosen in self._used:
            count += 1
            chosen = f"{base}-{count}"
        self._used.add(chosen)
        path = self._folder / f"{chosen}.jpg"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rgb).save(path, quality=90)
        except OSError as error:
            raise SourceError(f"{path}: cannot be written: {error.strerror or error}") from None

    def close(self) -> None:
        """Nothing is held open."""


@dataclass(frozen=True)
class Annotated:
    """One frame and what is to be drawn on it."""

    frame: Frame
    detections: Detections
    label: str
    timestamp_ns: int
    highlight: int | None
    caption: Sequence[str]
    alarm: bool


class Recorder:
    """Draws and records on a thread of its own.

    Args:
        recording: where to.
        lossless: wait for room (files); otherwise a frame that finds the queue full is not
            recorded and counted in `skipped` (live sources: recording must not slow the agent).

    An error of the recording ends it and is kept in `error`; the agent goes on.
    """

    def __init__(self, recording: Recording, *, lossless: bool) -> None:
        self.recording = recording
        self.skipped = 0
        self.error: Exception | None = None
        self._lossless = lossless
        self._jobs: queue.Queue[Annotated | None] = queue.Queue(maxsize=8)
        self._thread = threading.Thread(target=self._work, name="edgecore-recorder", daemon=True)
        self._thread.start()

    def add(self, job: Annotated) -> None:
        """Take one frame."""
        if self._lossless:
            self._jobs.put(job)
            return
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            self.skipped += 1

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self.error is None:
                try:
                    self._record(job)
                except Exception as error:
                    self.error = error
        try:
            self.recording.close()
        except Exception as error:
            self.error = self.error or error

    def _record(self, job: Annotated) -> None:
        drawn = annotate(
            job.frame.to_rgb(),
            job.detections,
            highlight=job.highlight,
            caption=job.caption,
            alarm=job.alarm,
        )
        self.recording.add(drawn, job.timestamp_ns, job.label)

    def close(self, timeout_s: float = 30.0) -> None:
        """Record what is queued and finish the files; what takes longer is left, an `error`."""
        patience = Patience(timeout_s)
        while (slice_s := patience.slice_s()) > 0.0:
            with contextlib.suppress(queue.Full):
                self._jobs.put(None, timeout=slice_s)
                break
        if not patience.outlasts(self._thread):
            what = self.recording.path or "the recording"
            self.error = self.error or SourceError(
                f"{what}: expected to be written within {timeout_s:g} s, and is not"
            )
