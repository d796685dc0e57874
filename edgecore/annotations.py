"""Annotated pictures: a JSON file in COCO's form, looked at whole before a picture is judged."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edgecore.errors import ConfigError

_FORM: Final[Mapping[str, Mapping[str, type | tuple[type, ...]]]] = {
    "images": {"id": (int, str), "file_name": str},
    "annotations": {"image_id": (int, str), "category_id": (int, str), "bbox": list},
    "categories": {"id": (int, str), "name": str},
}
"""What is needed of COCO's form, and the types of it."""

_LENGTH_MAX: Final = 2.0**53
"""Pixels; above it neighbouring numbers are the same float."""


def read(path: Path) -> dict[str, Any]:
    """The document, checked: `iscrowd` is 0 or 1, `width` and `height` are whole or None, and names
    of categories differ; of those of one name, one without boxes is left out.

    Raises:
        ConfigError: not in COCO's form.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: expected annotations as JSON, {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: expected annotations as JSON, got too deep a nesting") from None
    for part, wanted in _FORM.items():
        entries = document.get(part) if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise ConfigError(f"{path}: expected COCO's form, with a list of {part}")
        if not entries:
            raise ConfigError(f"{path}: expected entries in its list of {part}, got an empty list")
        for entry in entries:
            _check_entry(f"{path}: an entry of {part}", entry, wanted)
    for entry in document["annotations"]:
        _check_annotation(f"{path}: an entry of annotations", entry)
    for entry in document["images"]:
        for side in ("width", "height"):
            entry[side] = _side(f"{path}: an entry of images: {side}", entry.get(side))
    document = {**document, "categories": _without_placeholders(document)}
    for part, key in (("images", "id"), ("categories", "id"), ("categories", "name")):
        (value, times), *_ = Counter(entry[key] for entry in document[part]).most_common(1)
        if times > 1:
            raise ConfigError(f"{path}: expected each {key} of {part} once, got {value!r} again")
    _check_references(path, document)
    return document


def check_pictures(document: Mapping[str, Any], images: Path) -> None:
    """Better now than after all those before the one that is missing.

    Args:
        document: as `read` leaves it.
        images: the folder where its file names begin.

    Raises:
        ConfigError: no such folder.
        SourceError: a picture is not there.
    """
    from edgecore.sources.pictures import read_picture

    if not images.is_dir():
        raise ConfigError(f"{images}: expected a folder of pictures, no such folder")
    for entry in document["images"]:
        picture = images / entry["file_name"]
        if not os.path.exists(picture):
            read_picture(picture)  # says why


def _check_entry(about: str, entry: Any, wanted: Mapping[str, type | tuple[type, ...]]) -> None:
    for key, types in wanted.items():
        if not isinstance(entry, dict) or key not in entry:
            raise ConfigError(f"{about} has no {key}")
        if not isinstance(entry[key], types) or isinstance(entry[key], bool):
            expected = types if isinstance(types, tuple) else (types,)
            raise ConfigError(
                f"{about}: {key}: expected {' or '.join(one.__name__ for one in expected)}, "
                f"got {entry[key]!r:.40}"
            )


def _check_annotation(about: str, entry: dict[str, Any]) -> None:
    box, crowd = entry["bbox"], entry.get("iscrowd")
    if len(box) != 4 or not all(map(_is_length, box)) or min(box[2:]) < 0:
        raise ConfigError(f"{about}: bbox: expected x, y, width, height, got {box!r:.40}")
    if crowd not in (None, 0, 1):
        raise ConfigError(f"{about}: iscrowd: expected 0 or 1, got {crowd!r:.40}")
    entry["iscrowd"] = int(crowd or 0)


def _is_length(value: Any) -> bool:
    """Whether it is a number of pixels, which a float can hold."""
    return isinstance(value, int | float) and abs(value) < _LENGTH_MAX


def _side(about: str, value: Any) -> int | None:
    """Pixels, which tables export as floats or texts too; None where 0 or nothing is said."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        value = int(value)
    whole = value is None or (_is_length(value) and value >= 0 and value == int(value))
    if not whole or isinstance(value, bool):
        raise ConfigError(f"{about}: expected a whole number of pixels, got {value!r:.40}")
    return int(value or 0) or None


def _without_placeholders(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Some exports begin with a category that no box is of, by the name of one that has boxes."""
    used = {entry["category_id"] for entry in document["annotations"]}
    kept = [entry for entry in document["categories"] if entry["id"] in used]
    names = {entry["name"] for entry in kept}
    for entry in document["categories"]:
        if entry["id"] not in used and entry["name"] not in names:
            kept.append(entry)
            names.add(entry["name"])
    return kept


def _check_references(path: Path, document: Mapping[str, Any]) -> None:
    """An id in quotes is another one than the number."""
    for part, key in (("categories", "category_id"), ("images", "image_id")):
        known = {entry["id"] for entry in document[part]}
        strange = [one[key] for one in document["annotations"] if one[key] not in known]
        # A list of some of the pictures may come with the annotations of all.
        if strange and (part == "categories" or len(strange) == len(document["annotations"])):
            raise ConfigError(
                f"{path}: an entry of annotations: {key}: expected an id of {part} "
                f"({some(map(repr, known))}), got {strange[0]!r:.40}"
            )


def check_size(
    path: Path, entry: Mapping[str, Any], picture: Path, shape: Sequence[int], turned: bool
) -> None:
    """Boxes are in pixels: of a picture that was shrunk since, or turned, none is where it was
    drawn.

    Args:
        path: of the annotations, for the error.
        entry: the picture's, as `read` leaves it.
        picture, shape, turned: its file, (height, width, ...) upright, and whether that took its
            EXIF tag.

    Raises:
        ConfigError: it is annotated at another size.
    """
    said = entry["width"], entry["height"]
    if None not in said and said != (shape[1], shape[0]):
        upright = ", turned upright by its EXIF tag, as boxes have to be" if turned else ""
        raise ConfigError(
            f"{path}: {picture} is annotated at {said[0]}x{said[1]} pixels, "
            f"got {shape[1]}x{shape[0]}{upright}"
        )


def some(names: Iterable[str], most: int = 5) -> str:
    """The first few of them."""
    listed = list(names)
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")
