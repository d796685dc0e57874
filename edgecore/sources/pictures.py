"""Picture files as frames, read by Pillow and turned upright as their EXIF tag says."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from edgecore.errors import SourceError

from .source import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecore.frame import Frame

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)

_TURNED = range(2, 9)
"""Orientations that are not upright already, mirrored ones among them."""


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Pixels of a picture file: uint8 (h, w, 3) RGB, upright.

    Raises:
        SourceError: as `read_upright` says.
    """
    return read_upright(path)[0]


def read_upright(path: Path) -> tuple[NDArray[np.uint8], bool]:
    """Pixels of a picture file, uint8 (h, w, 3) RGB, and whether its EXIF tag had them turned.

    Raises:
        SourceError: not there, empty, not a picture, damaged or truncated, or without pixels.
    """
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise SourceError(f"{path}: expected a picture file, got a folder")
        if size == 0:
            raise SourceError(f"{path}: expected a picture file, got an empty file (0 bytes)")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                if 0 in opened.size:
                    width, height = opened.size
                    raise SourceError(f"{path}: picture has no pixels ({width}x{height})")
                turned = opened.getexif().get(ExifTags.Base.Orientation) in _TURNED
                return _rgb(ImageOps.exif_transpose(opened)), turned
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file") from None
    except PermissionError:
        raise SourceError(f"{path}: may not be read (permission denied)") from None
    except UnidentifiedImageError:
        raise SourceError(f"{path}: not a picture that Pillow knows") from None
    except Image.DecompressionBombError as error:
        raise SourceError(f"{path}: picture too large: {error}") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise SourceError(f"{path}: damaged picture: {error}") from None


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I;16") or image.mode in {"I", "F"}:
        deep = np.asarray(image).astype(np.float64)
        top = 65535.0 if deep.max(initial=0.0) > 255.0 else 255.0
        gray = np.clip(np.rint(deep * (255.0 / top)), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(gray[:, :, None], 3, axis=2))
    return np.asarray(image.convert("RGB"), dtype=np.uint8)


class Pictures(Source):
    """The given picture files, one frame each, in the given order."""

    resumable = True

    def __init__(self, paths: Sequence[Path], description: str) -> None:
        super().__init__()
        self.description = description
        self.length = len(paths)
        self._paths = list(paths)
        self._next = 0

    def __next__(self) -> Frame:
        from edgecore.frame import Frame

        if self._next >= len(self._paths):
            raise StopIteration
        path = self._paths[self._next]
        self._next += 1
        self.label = str(path)
        pixels = read_picture(path)
        height, width = pixels.shape[:2]
        return Frame(pixels, width, height, format="rgb", timestamp_ns=time.monotonic_ns())

    def close(self) -> None:
        """Nothing is held between pictures; iteration ends."""
        self._next = len(self._paths)
