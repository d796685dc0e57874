"""Names of classes: which of the sources speaks, and whether they fit the classes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from edgecore.errors import ModelError
from edgecore.model.facts import Fact
from edgecore.model.metadata import UNNAMED, label_lines

Labels: TypeAlias = "str | Path | Sequence[str] | None"

_BACKGROUND = {"background", "__background__", "bg", UNNAMED}
_MAX_BYTES = 1 << 22


def from_user(labels: Labels) -> tuple[str, ...]:
    """The names the user gave, in a text file or a sequence; empty where none were given.

    Raises:
        TypeError: neither a file's name nor a sequence of strings.
        ModelError: a file that cannot be read or names nothing.
    """
    if labels is None:
        return ()
    if not isinstance(labels, str | Path):
        if not isinstance(labels, Sequence):
            raise TypeError(f"labels must be a file or a sequence of names, got {labels!r}")
        wrong = [label for label in labels if not isinstance(label, str)]
        if wrong:
            raise TypeError(f"labels must be strings, got {wrong[0]!r}")
        return tuple(labels)
    try:
        with open(labels, "rb") as file:
            names = label_lines(file.read(_MAX_BYTES))
    except OSError as error:
        raise ModelError(f"label file {labels} cannot be read: {error.strerror}") from error
    if not names:
        raise ModelError(f"label file {labels} names no class")
    return names


def fitted(
    names: tuple[str, ...], source: str, classes: int, exact: bool
) -> tuple[tuple[str, ...], Fact]:
    """`names` for class ids from 0, and the fact about them.

    Args:
        names: as the source has them, empty where there is no source.
        source: who says so.
        classes: how many classes the model has, 0 if that is not known.
        exact: whether more names than classes are an error too.

    Raises:
        ModelError: the numbers do not match.
    """
    if not names:
        return (), Fact("labels", "none", "no metadata and none given")
    if len(names) == classes + 1 and names[0].lower() in _BACKGROUND and not exact:
        names = names[1:]
    if classes and (len(names) < classes or (exact and len(names) != classes)):
        raise ModelError(
            f"labels do not match: {source} has {len(names)} names, the model {classes} classes"
        )
    return names, Fact("labels", f"{len(names)}: {_shortened(names)}", source)


def _shortened(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
