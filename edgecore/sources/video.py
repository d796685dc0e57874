"""Video files, network streams and cameras through PyAV; planes are handed on as they lie."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np

from edgecore.errors import SourceError

from .source import Source
from .stream_clock import StreamClock

if TYPE_CHECKING:
    from edgecore.frame import ColorSpace, Frame, PixelFormat

# FFmpeg's pixel format: ours.
FORMATS: dict[str, PixelFormat] = {
    "yuv420p": "i420",
    "yuvj420p": "i420",
    "nv12": "nv12",
    "nv21": "nv21",
    "p010le": "p010",
    "yuyv422": "yuyv",
    "uyvy422": "uyvy",
    "gray": "gray",
    "rgb24": "rgb",
    "bgr24": "bgr",
    "rgba": "rgba",
    "bgra": "bgra",
    "rgb0": "rgba",
    "bgr0": "bgra",
    "bayer_rggb8": "rggb",
    "bayer_bggr8": "bggr",
    "bayer_grbg8": "grbg",
    "bayer_gbrg8": "gbrg",
}
COLORS: dict[tuple[str, bool], ColorSpace] = {
    ("bt601", False): "bt601-limited",
    ("bt601", True): "bt601-full",
    ("bt709", False): "bt709-limited",
    ("bt709", True): "bt709-full",
}
LIMITED_RANGE, FULL_RANGE = 1, 2
NEUTRAL_CHROMA = 128
RGB, BT709 = 0, 1
# Unspecified, BT.470BG, SMPTE 170M, FCC: all of BT.601's family for our purpose.
BT601_FAMILY = frozenset({2, 4, 5, 6})
DAMAGED_IN_A_ROW = 100
"""So many packets of a live stream may be damaged one after the other before it is given up."""

ON_TIME_IN_A_ROW = 2
"""The first picture alone may be slow for another reason: its decoder starts."""


class Video(Source):
    """Frames of one video stream.

    Timestamps are those of the stream, moved so that the first frame falls on the moment of
    opening; of a camera or live stream, the moments of capture as `StreamClock` estimates them. A
    damaged packet ends a file; of a live stream it is left out and counted in `dropped`.

    Args:
        url: what FFmpeg is to open.
        paced: frames come when they are captured; those that piled up while the stream was opened
            are left out, and counted in `dropped`.
        live: decode with the least delay, and give up after `timeout_s` without data.
        container_format: FFmpeg's demuxer name where it cannot be guessed (`v4l2`).
        options: the demuxer's options.
        timeout_s: for opening and for each read of a live stream.
        loop: begin again at the end of a file, without end; times go on by one frame's time.

    Raises:
        SourceError: cannot be opened, or has no video in it.
    """

    def __init__(
        self,
        url: str,
        *,
        live: bool = False,
        paced: bool = False,
        container_format: str | None = None,
        options: dict[str, str] | None = None,
        timeout_s: float = 5.0,
        loop: bool = False,
    ) -> None:
        super().__init__()
        self._url = url
        self._live = live
        self._piled_up = paced
        self._timeout_s = timeout_s
        self._loop = loop
        self._clock = StreamClock(camera=container_format == "v4l2")
        begun_s = time.monotonic()
        try:
            self._container: Any = av.open(
                url,
                format=container_format,
                options=options or {},
                timeout=timeout_s if live else None,
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            # A sender that says nothing may end in the same error as one that talks nonsense.
            silent = live and time.monotonic() - begun_s >= timeout_s
            why = self._silence() if silent else self._reason(error)
            raise SourceError(f"{url}: {why}") from None
        if not self._container.streams.video:
            self._container.close()
            raise SourceError(f"{url}: expected a video, found none in this file")
        stream = self._container.streams.video[0]
        self._stream = stream
        stream.thread_type = "SLICE" if live else "AUTO"
        context = stream.codec_context
        self.fps = float(stream.average_rate) if stream.average_rate else None
        self.length = (stream.frames or None) if not (live or loop) else None
        self.description = f"{url}: {context.name} {context.width}x{context.height}" + (
            f" at {self.fps:g} frames/s" if self.fps else ""
        )
        # Raw pictures of a V4L2 device lie in its driver's buffers, which FFmpeg unmaps when the
        # device is closed, whoever still looks at them.
        self._lent = container_format == "v4l2" and context.name == "rawvideo"
        self._torn = False
        self._decoded = self._pictures()
        self._start_ns = time.monotonic_ns()
        self._first_s: float | None = None
        self._newest_ns = self._start_ns
        self._count = 0
        self._closed = False

    def __next__(self) -> Frame:
        if self._closed:
            raise StopIteration
        try:
            picture = self._picture()
            if self._piled_up:
                picture, self._piled_up = self._on_time(picture), False
        except StopIteration:
            if self._count == 0:
                raise SourceError(f"{self._url}: no frame could be decoded") from None
            if self._torn and not self._live:
                raise SourceError(
                    f"{self._url}: damaged after frame {self._count}: it is cut off"
                ) from None
            raise
        except (av.error.FFmpegError, OSError, ValueError) as error:
            if self._closed:
                raise StopIteration from None
            broken = "lost" if self._live else "damaged"
            raise SourceError(
                f"{self._url}: {broken} after frame {self._count}: {self._reason(error)}"
            ) from None
        frame = self._frame(picture)
        self.label = f"{self._url}#{self._count}"
        self._count += 1
        return frame

    def _pictures(self) -> Generator[Any, None, None]:
        """Those of all packets from here on; decoders with threads are silent about the last."""
        for packet in self._container.demux(self._stream):
            if packet.size:
                self._torn = packet.is_corrupt
            yield from packet.decode()

    def _picture(self) -> Any:
        """The next one; damaged packets of a live stream are left out, as they come and go."""
        for _ in range(DAMAGED_IN_A_ROW if self._live else 0):
            try:
                return next(self._decoded)
            except av.error.InvalidDataError:
                self.dropped += 1
                self.note("damaged packets of the stream are left out")
                self._decoded = self._pictures()
        try:
            return next(self._decoded)
        except StopIteration:
            if not self._loop or self._first_s is None:
                raise
        return self._again()

    def _again(self) -> Any:
        """The first picture of the next round."""
        self._container.seek(0, any_frame=False)
        self._decoded = self._pictures()
        self._start_ns = self._newest_ns + round(1e9 / (self.fps or 25.0))
        self._first_s = None
        return next(self._decoded)

    def _on_time(self, picture: Any) -> Any:
        """The first of which it and the one before came no quicker than their times say."""
        came_ns, on_time = time.monotonic_ns(), 0
        while on_time < ON_TIME_IN_A_ROW:
            before, before_ns = picture, came_ns
            picture, came_ns = self._picture(), time.monotonic_ns()
            self.dropped += 1
            if picture.time is None:
                break
            if before.time is not None:  # that of the first may be unknown
                quick = came_ns - before_ns < 0.5e9 * (picture.time - before.time)
                on_time = 0 if quick else on_time + 1
        return picture

    def _timestamp_ns(self, picture: Any) -> int:
        seconds: float | None = picture.time
        if self._live:
            return self._clock.capture_ns(seconds, time.monotonic_ns())
        if seconds is None:
            seconds = (self._first_s or 0.0) + self._count / (self.fps or 25.0)
        if self._first_s is None:
            self._first_s = seconds
        self._newest_ns = self._start_ns + round((seconds - self._first_s) * 1e9)
        return self._newest_ns

    def _frame(self, picture: Any) -> Frame:
        from edgecore.frame import Frame

        timestamp_ns = self._timestamp_ns(picture)
        color = self._color(picture)
        if picture.rotation:
            self.note(f"the file asks to be turned by {picture.rotation} degrees; that is not done")
        name = picture.format.name
        is_limited = picture.color_range == LIMITED_RANGE
        if name not in FORMATS or any(plane.line_size < 0 for plane in picture.planes):
            target = "rgb24" if picture.format.is_rgb else "yuv420p"
            if name.startswith("gray"):
                target = "gray"
            self.note(f"pixel format {name} is converted to {target} by swscale")
            spread = FULL_RANGE if color.endswith("full") else LIMITED_RANGE
            picture = picture.reformat(
                format=target, src_color_range=spread, dst_color_range=spread
            )
        format = FORMATS[picture.format.name]
        planes = [np.frombuffer(plane, np.uint8) for plane in picture.planes]
        if self._lent:
            planes = [plane.copy() for plane in planes]
        strides = [plane.line_size for plane in picture.planes]
        if format == "gray" and is_limited:
            # A gray frame has the full range; luma of the limited one is YUV without colour.
            format, columns, rows = "i420", (picture.width + 1) // 2, (picture.height + 1) // 2
            planes += [np.full(columns * rows, NEUTRAL_CHROMA, np.uint8)] * 2
            strides += [columns] * 2
        return Frame(
            tuple(planes),
            picture.width,
            picture.height,
            format=format,
            strides=strides,
            color=color,
            timestamp_ns=timestamp_ns,
        )

    def _color(self, picture: Any) -> ColorSpace:
        matrix = "bt601" if picture.colorspace in BT601_FAMILY else "bt709"
        if matrix == "bt709" and picture.colorspace not in {RGB, BT709}:
            self.note(f"colour space {int(picture.colorspace)} is read as BT.709")
        full = picture.format.name.startswith("yuvj") or picture.color_range == FULL_RANGE
        return COLORS[matrix, full]

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, av.error.ExitError | av.error.TimeoutError):
            return self._silence()
        return reason(error)

    def _silence(self) -> str:
        return f"no data for {self._timeout_s:g} s"

    def close(self) -> None:
        """Close the file or stream."""
        if not self._closed:
            self._closed = True
            self._decoded.close()
            self._container.close()


def reason(error: BaseException) -> str:
    """An FFmpeg or system error as one plain clause."""
    if isinstance(error, FileNotFoundError):
        return "no such file or device"
    if isinstance(error, PermissionError):
        return "may not be opened (permission denied)"
    if isinstance(error, av.error.InvalidDataError):
        return "not a video, or a damaged one"
    return str(getattr(error, "strerror", None) or error)


def open_file(path: Path, *, loop: bool = False) -> Video:
    """A video file; with `loop` one without end.

    Raises:
        SourceError: empty, damaged, or not a video.
    """
    if path.stat().st_size == 0:
        raise SourceError(f"{path}: expected a video, got an empty file (0 bytes)")
    return Video(str(path), loop=loop)
