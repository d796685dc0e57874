"""A divergence as two columns, for people."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from firmware_bridge.divergence import Divergence

T = TypeVar("T")
_WIDTH_MAX = 240
_VALUE_MAX = 80
_FIELDS_MAX = 24


def page_width() -> int:
    """Columns to fill: the terminal's, or those of a wide one where there is none."""
    return min(_WIDTH_MAX, shutil.get_terminal_size((160, 24)).columns)


def side_by_side(
    found: Divergence[T], left: str, right: str, width: int, text: Callable[[T | None], str]
) -> list[str]:
    """The pairs before it and the one that differs, and below them each field that does.

    Args:
        found: where two recordings part.
        left, right: their titles.
        width: of both columns together, characters.
        text: what stands there of one side, None for nothing; its lines are folded.
    """
    column = (width - 3) // 2
    lines = [f"{left:{column}} | {right}"]
    for ours, theirs in found.before:
        lines += _row(text(ours), text(theirs), column, "|")
    lines += _row(text(found.left), text(found.right), column, "!")
    lines.append(f"frame {found.number} differs" + (":" if found.fields else ""))
    fields = list(found.fields.items())
    for name, (one, other) in fields[:_FIELDS_MAX]:
        lines.append(f"  {json.dumps(name)[1:-1]}: {shown(one)} | {shown(other)}")
    if len(fields) > _FIELDS_MAX:
        lines.append(f"  and {len(fields) - _FIELDS_MAX} fields more")
    return lines


def shown(value: object) -> str:
    """As JSON, so that no text of a file reaches the terminal's own codes."""
    text = json.dumps(value, default=str)
    return text[1:-1][:_VALUE_MAX] if isinstance(value, str) else text[:_VALUE_MAX]


def _row(ours: str, theirs: str, column: int, mark: str) -> list[str]:
    left, right = _folded(ours, column), _folded(theirs, column)
    height = max(len(left), len(right))
    left += [""] * (height - len(left))
    right += [""] * (height - len(right))
    return [f"{a:{column}} {mark} {b}".rstrip() for a, b in zip(left, right, strict=True)]


def _folded(text: str, column: int) -> list[str]:
    return [
        line[at : at + column] for line in text.splitlines() for at in range(0, len(line), column)
    ]
