"""Pictures: which files, in which order, in which colours and the right way up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecore import sources
from edgecore.errors import SourceError

from .source_parts import gradient


def test_picture_folder_comes_in_the_order_of_its_names(tmp_path: Path) -> None:
    for index, name in enumerate(["b.png", "a.bmp", "c.webp"]):
        Image.fromarray(gradient(40, 30, index)).save(tmp_path / name, lossless=True)
    (tmp_path / "notes.txt").write_text("not a picture")
    with sources.open(tmp_path) as source:
        assert source.length == 3
        frames = {}
        for frame in source:
            frames[Path(source.label).name] = frame
    assert list(frames) == ["a.bmp", "b.png", "c.webp"]
    for index, name in enumerate(["b.png", "a.bmp", "c.webp"]):
        assert frames[name].format == "rgb"
        assert np.array_equal(frames[name].planes[0], gradient(40, 30, index))


def test_glob_takes_what_matches(tmp_path: Path) -> None:
    for name in ("shot1.png", "shot2.png", "other.png"):
        Image.fromarray(gradient(8, 8)).save(tmp_path / name)
    with sources.open(f"{tmp_path}/shot?.png") as source:
        assert len(list(source)) == 2


def test_name_with_glob_characters_that_exists_is_that_file(tmp_path: Path) -> None:
    Image.fromarray(gradient(8, 8)).save(tmp_path / "shot[1].png")
    with sources.open(tmp_path / "shot[1].png") as source:
        assert len(list(source)) == 1


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_every_picture_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    gray = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (16, 1))
    if mode == "I;16":
        image = Image.fromarray(gray.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(gray).convert("RGB").convert(mode)
    path = tmp_path / ("picture.tif" if mode in {"CMYK", "I;16"} else "picture.png")
    image.save(path)
    with sources.open(path) as source:
        pixels = next(iter(source)).planes[0]
    assert pixels.shape == (16, 32, 3)
    if mode in {"L", "RGBA", "I;16"}:
        assert np.array_equal(pixels[:, :, 1], gray)


def test_picture_is_turned_upright_by_its_exif_tag(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(gradient(40, 30)).save(tmp_path / "phone.jpg", exif=exif)
    with sources.open(tmp_path / "phone.jpg") as source:
        frame = next(iter(source))
    assert (frame.width, frame.height) == (30, 40)


def test_damaged_picture_in_a_folder_is_told_and_the_others_come(tmp_path: Path) -> None:
    Image.fromarray(gradient(8, 8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"garbage")
    Image.fromarray(gradient(8, 8)).save(tmp_path / "c.png")
    with sources.open(tmp_path) as source:
        assert source.resumable
        assert next(source).width == 8
        with pytest.raises(SourceError, match=r"b\.png"):
            next(source)
        assert next(source).width == 8
        with pytest.raises(StopIteration):
            next(source)
