"""States as plain values, exact as JSON, and the checks of those that come from a file."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Restorable(ABC):
    """Something that can say what it goes on from, and go on from there."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What it goes on from, as plain values."""

    @abstractmethod
    def restore(self, state: Any) -> None:
        """Go on from the `state` of one with the same settings; ValueError if it is none."""


def table(state: Any, *names: str) -> list[Any]:
    """The values of a table with these keys and no others.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(state, dict) or state.keys() != set(names):
        raise ValueError(f"state: expected a table of {', '.join(names)}, got {state!r:.80}")
    return [state[name] for name in names]


def rows(state: Any, width: int) -> list[list[Any]]:
    """A list of lists of so many values.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(state, list) or not all(
        isinstance(row, list) and len(row) == width for row in state
    ):
        raise ValueError(f"state: expected rows of {width} values, got {state!r:.80}")
    return state


def number(value: Any) -> float:
    """A finite number, else ValueError."""
    if type(value) is not float or not math.isfinite(value):
        raise ValueError(f"state: expected a finite number, got {value!r:.80}")
    return value


def whole(value: Any) -> int:
    """A whole number of 64 bits, else ValueError."""
    if type(value) is not int or abs(value) >= 2**63:
        raise ValueError(f"state: expected a whole number of 64 bits, got {value!r:.80}")
    return value


def truth(value: Any) -> bool:
    """True or false, else ValueError."""
    if type(value) is not bool:
        raise ValueError(f"state: expected true or false, got {value!r:.80}")
    return value


def maybe(kind: Callable[[Any], T], value: Any) -> T | None:
    """None, or what `kind` takes."""
    return None if value is None else kind(value)
