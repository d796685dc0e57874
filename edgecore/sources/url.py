"""From what the user typed to a source."""

from __future__ import annotations

import dataclasses
import difflib
import glob as globbing
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from edgecore.errors import SourceError

from .source import Source

ENDLESS = frozenset({"rtsp", "rtsps"})
"""Cameras, which have no end: if one of these streams ends, it was lost."""

BROADCAST = frozenset({"rtmp", "srt"})
"""Live streams that their sender may end; broken off, they are opened again."""

NETWORK = frozenset({"rtsp", "rtsps", "rtp", "rtmp", "http", "https", "tcp", "udp", "srt"})
CAMERA = re.compile(r"/dev/video\d+")
LOOPED = "?loop=1"


def open(url: str | Path, **options: object) -> Source:
    """A source of frames.

    Args:
        url: a picture or video file, a video without end (`drive.mp4?loop=1`), a folder of
            pictures, a glob pattern (`shots/*.jpg`), a camera (`/dev/video0`,
            `v4l2:/dev/video0?video_size=1280x720`), a stream (`rtsp://...`), frames that another
            process shares (`ring:///run/camera.sock`, or `ring:/run/camera.sock?reconnect=0` to
            end with that process), or
            `synthetic:?seed=1&fps=20&duration=10&epoch_ns=0&format=nv12&first=0&realtime=0`.
        options: the same as after the question mark of `synthetic:`; these win.

    Raises:
        SourceError: it is not there, or nothing that can be read; the text says what and why.
    """
    text = str(url)
    scheme = urlsplit(text).scheme if "://" in text else text.partition(":")[0]
    if scheme == "synthetic" and ":" in text:
        return _synthetic(text, options)
    if options:
        raise SourceError(f"{text}: takes no options, got {', '.join(sorted(options))}")
    if scheme == "v4l2" or CAMERA.fullmatch(text):
        return _camera(text)
    if scheme == "ring" and ":" in text:
        return _ring(text)
    if "://" in text and scheme in NETWORK:
        return _stream(text, scheme)
    if scheme == "file" and "://" in text:
        text = text[len("file://") :]
    elif "://" in text:
        raise SourceError(f"{text}: unknown kind of source {scheme!r}")
    return _path(text)


def _path(text: str) -> Source:
    from .pictures import Pictures

    path = Path(text)
    if path.is_dir():
        found = picture_files(path)
        if not found:
            raise SourceError(f"{path}: no pictures in this folder")
        return Pictures(found, f"{path}: {_count(len(found))}")
    if path.is_file():
        return _file(path)
    if path.exists():
        raise SourceError(f"{path}: expected a file or folder, got something else")
    if (name := text.removesuffix(LOOPED)) != text and Path(name).is_file():
        return _looped(Path(name))
    if globbing.has_magic(text):
        found = sorted(Path(name) for name in globbing.glob(text, recursive=True))
        found = [name for name in found if name.is_file()]
        if not found:
            raise SourceError(f"{text}: no file matches this pattern")
        if len(found) == 1:
            return _file(found[0])
        return Pictures(found, f"{text}: {_count(len(found))}")
    raise SourceError(f"{path}: no such file or folder")


def _count(number: int) -> str:
    return f"{number} picture{'' if number == 1 else 's'}"


def picture_files(folder: Path) -> list[Path]:
    """The picture files that lie directly in a folder, by name."""
    from .pictures import SUFFIXES

    return sorted(
        entry for entry in folder.iterdir() if entry.suffix.lower() in SUFFIXES and entry.is_file()
    )


def _file(path: Path) -> Source:
    from .pictures import SUFFIXES, Pictures

    if path.suffix.lower() in SUFFIXES or _looks_like_picture(path):
        return Pictures([path], str(path))
    from .video import open_file

    return open_file(path)


def _looped(path: Path) -> Source:
    from .pictures import SUFFIXES
    from .video import open_file

    if path.suffix.lower() in SUFFIXES or _looks_like_picture(path):
        raise SourceError(f"{path}{LOOPED}: expected a video to repeat, got a picture")
    return open_file(path, loop=True)


def _looks_like_picture(path: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(path):
            return True
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _stream(text: str, scheme: str) -> Source:
    """A network stream; RTSP comes over TCP where the server can, as UDP is lost without notice.

    What may be a file behind a network (http, tcp, ...) is not opened again: it would begin anew.
    """
    from .live import Latest
    from .reconnecting import Reconnecting
    from .video import Video

    is_camera = scheme in ENDLESS
    options = {"rtsp_flags": "prefer_tcp", "analyzeduration": "500000"} if is_camera else {}

    def connect() -> Source:
        return Video(text, live=True, paced=is_camera, options=options)

    stream = connect()
    if is_camera or scheme in BROADCAST:
        stream = Reconnecting(stream, connect, ends=not is_camera)
    return Latest(stream)


def _camera(text: str) -> Source:
    from .live import Latest
    from .reconnecting import Reconnecting
    from .video import Video

    device, _, query = text.removeprefix("v4l2:").partition("?")
    if not Path(device).exists():
        here = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
        raise SourceError(f"{device}: no such camera (cameras on this machine: {here})")

    def plug() -> Source:
        options = dict(parse_qsl(query))
        return Video(device, live=True, container_format="v4l2", options=options)

    return Latest(Reconnecting(plug(), plug))


def _ring(text: str) -> Source:
    from edgecore.ring import Consumer

    from .reconnecting import Backoff, Reconnecting

    path, _, query = text.removeprefix("ring:").removeprefix("//").partition("?")
    if query not in {"", "reconnect=0", "reconnect=1"}:
        raise SourceError(f"{text}: expected ring:PATH or ring:PATH?reconnect=0, got ?{query}")
    consumer = Consumer(path)
    if query == "reconnect=0":
        return consumer
    # A process of this device is back in an instant, and asking for it costs next to nothing.
    backoff = Backoff(first_s=0.02, most_s=1.0)
    return Reconnecting(consumer, lambda: Consumer(path), backoff=backoff)


def _synthetic(text: str, options: dict[str, object]) -> Source:
    from .live import Latest
    from .synthetic import SyntheticOptions, SyntheticRoad

    rest = text.partition(":")[2].lstrip("/")
    if rest and not rest.startswith("?"):
        raise SourceError(f"{text}: expected synthetic: or synthetic:?key=value&..., got {rest!r}")
    given: dict[str, object] = dict(parse_qsl(rest[1:], keep_blank_values=True))
    given.update(options)
    names = [field.name for field in dataclasses.fields(SyntheticOptions)]
    values: dict[str, object] = {}
    for name, value in given.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
            raise SourceError(f"synthetic: unknown option {name!r}; {hint}")
        values[name] = _synthetic_value(name, value)
    chosen = SyntheticOptions(**values)  # type: ignore[arg-type]
    road = SyntheticRoad(chosen)
    return Latest(road) if chosen.realtime else road


def _synthetic_value(name: str, value: object) -> object:
    """One option of `synthetic:`, checked.

    Raises:
        SourceError: not a value this option takes.
    """
    text = str(value)
    if name == "format":
        if text not in {"nv12", "rgb"}:
            raise SourceError(f"synthetic: format: expected nv12 or rgb, got {text!r}")
        return text
    if name == "realtime":
        if text.lower() not in {"0", "1", "true", "false"}:
            raise SourceError(f"synthetic: realtime: expected 0 or 1, got {text!r}")
        return text.lower() in {"1", "true"}
    if name == "epoch_ns" and value is None:
        return None
    kind, low, high = {
        "seed": (int, 0, 2**32 - 1),
        "epoch_ns": (int, 0, 2**63 - 1),
        "first": (int, 0, 2**40),
        "fps": (float, 0.1, 240),
        "duration": (float, 0, 1e6),
        "width": (int, 64, 4096),
        "height": (int, 64, 4096),
    }[name]
    try:
        number = kind(text)
    except ValueError:
        number = None
    if number is None or not low <= number <= high:
        raise SourceError(
            f"synthetic: {name}: expected {kind.__name__} from {low} to {high}, got {text!r}"
        )
    return number
