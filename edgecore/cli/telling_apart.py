"""Files that bear one name, told apart by their folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def told_apart(paths: Sequence[Path]) -> list[str]:
    """The shortest end of each path that no other path has; equal paths have one name."""
    parts = [path.parts for path in paths]
    names = []
    for own in parts:
        others = [other for other in parts if other != own]
        lengths = (n for n in range(1, len(own)) if all(own[-n:] != one[-n:] for one in others))
        names.append(str(Path(*own[-next(lengths, len(own)) :])))
    return names
