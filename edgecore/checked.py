"""Settings tables: frozen dataclasses whose annotated fields say which values they take."""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from edgecore.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Range:
    """The number, or each number of points, lies in [low, high]."""

    low: float
    high: float


@dataclass(frozen=True)
class OneOf:
    """The text is one of these."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Or:
    """This word will do too."""

    word: str


def read_table(kind: type[T], table: Mapping[str, Any], *, where: str = "", key: str = "") -> T:
    """A dataclass from a table of plain values, as TOML gives it.

    Args:
        kind: a dataclass; a field that is a dataclass itself takes a table of its own.
        table: keys absent from it keep their defaults; a value of None counts as absent.
        where: put before every error: the file's name.
        key: the table's own name, put before the names of its keys.

    Raises:
        ConfigError: an unknown key, with the nearest known one, a key that is missing, or a value
            that does not fit, with the key, what was expected and what came.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = get_type_hints(kind, include_extras=True)
    values: dict[str, Any] = {}
    for name, value in table.items():
        full = f"{key}.{name}" if key else name
        if name not in fields:
            near = difflib.get_close_matches(name, list(fields), 1)
            hint = (
                f"did you mean {full[: -len(name)]}{near[0]}?"
                if near
                else f"known here: {', '.join(fields)}"
            )
            raise ConfigError(f"{where}{full}: unknown key; {hint}")
        if value is not None:
            values[name] = _value(hints[name], value, where, full)
    for name, field in fields.items():
        defaults = (field.default, field.default_factory)
        if name not in values and all(each is dataclasses.MISSING for each in defaults):
            raise ConfigError(f"{where}{key}.{name}: missing")
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}{key}.{error}" if key else f"{where}{error}") from None
    except ValueError as error:
        raise ConfigError(f"{where}{key}: {error}") from None


def _value(hint: Any, value: Any, where: str, key: str) -> Any:
    limits: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *rest = get_args(hint)
        limits = tuple(rest)
    if any(isinstance(limit, Or) and value == limit.word for limit in limits):
        return value
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(choice for choice in get_args(hint) if choice is not type(None))
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}{key}: expected a table, got {value!r}")
        return read_table(hint, value, where=where, key=key)  # type: ignore[arg-type]
    if get_origin(hint) is tuple and dataclasses.is_dataclass(get_args(hint)[0]):
        return _tables(get_args(hint)[0], value, where, key)
    if get_origin(hint) is tuple and get_args(hint)[0] is not str:
        return _points(hint, value, limits, f"{where}{key}")
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise ConfigError(f"{where}{key}: expected a list of texts, got {value!r}")
        return tuple(value)
    return _scalar(hint, value, limits, f"{where}{key}")


def _tables(kind: Any, value: Any, where: str, key: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, Mapping) for one in value):
        raise ConfigError(f"{where}{key}: expected a list of tables, got {value!r}")
    return tuple(
        read_table(kind, one, where=where, key=f"{key}[{place}]") for place, one in enumerate(value)
    )


def _points(hint: Any, value: Any, limits: tuple[Any, ...], place: str) -> Any:
    """A point, tuple[float, float], or any number of them."""
    single = get_args(hint)[0] is float
    given = [value] if single else value
    if not isinstance(given, Sequence) or not all(
        isinstance(point, Sequence) and not isinstance(point, str) and len(point) == 2
        for point in given
    ):
        wanted = "a point [x, y]" if single else "a list of points [x, y]"
        raise ConfigError(f"{place}: expected {wanted}, got {value!r}")
    points = tuple(tuple(_scalar(float, one, limits, place) for one in point) for point in given)
    return points[0] if single else points


def _scalar(kind: type, value: Any, limits: tuple[Any, ...], place: str) -> Any:
    names = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}
    given: Any = float(value) if kind is float and type(value) is int else value
    fits = type(given) is kind
    if not fits:
        words = [names[kind], *(limit.word for limit in limits if isinstance(limit, Or))]
        raise ConfigError(f"{place}: expected {' or '.join(words)}, got {value!r}")
    for limit in limits:
        if isinstance(limit, Range) and not limit.low <= given <= limit.high:
            raise ConfigError(
                f"{place}: expected a number from {limit.low:g} to {limit.high:g}, got {value!r}"
            )
        if isinstance(limit, OneOf) and given not in limit.words:
            near = difflib.get_close_matches(given, limit.words, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(
                f"{place}: expected one of {', '.join(limit.words)}, got {value!r}{hint}"
            )
    return given
