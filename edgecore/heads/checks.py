"""What every head's description is checked for."""

from collections.abc import Sequence


def check_size(size: tuple[int, int]) -> None:
    """Raises ValueError unless `size` is a height and a width."""
    sides = size if isinstance(size, tuple) and len(size) == 2 else (0, 0)
    if any(not isinstance(side, int) or side < 1 for side in sides):
        raise ValueError(f"input_size: expected (height, width), both at least 1, got {size!r}")


def check_count(name: str, count: int, least: int = 1) -> None:
    """Raises ValueError unless `count` is an integer of at least `least`."""
    if not isinstance(count, int) or count < least:
        raise ValueError(f"{name}: expected at least {least}, got {count!r}")


def check_strides(strides: tuple[int, ...]) -> None:
    """Raises ValueError unless `strides` are one or more positive integers."""
    if (
        not isinstance(strides, tuple)
        or not strides
        or any(not isinstance(stride, int) or stride < 1 for stride in strides)
    ):
        raise ValueError(f"strides: expected positive integers, got {strides!r}")


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raises ValueError unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")


def check_places(what: str, places: Sequence[int]) -> None:
    """Raises ValueError unless the indices of outputs are all different."""
    if len(set(places)) != len(places) or min(places) < 0:
        raise ValueError(f"outputs of {what}: expected different indices, got {list(places)}")


def cells(size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Rows and columns of the grid that a picture of `size` has at `stride`."""
    return -(-size[0] // stride), -(-size[1] // stride)
