"""Rules from a TOML file."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from edgecore.checked import read_table
from edgecore.errors import ConfigError
from edgecore.rules.collision import FORWARD_COLLISION, CollisionRule, CollisionSettings
from edgecore.rules.driving import HARSH_DRIVING, DrivingRule, DrivingSettings
from edgecore.rules.following import FOLLOWING_DISTANCE, FollowingRule, FollowingSettings
from edgecore.rules.line import LINE, LineRule, LineSettings
from edgecore.rules.moment import AlertRequest
from edgecore.rules.rule_set import FunctionRule, Rule, RuleSet
from edgecore.rules.zone import DWELL, ZONE, DwellSettings, ZoneRule, ZoneSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


LISTED = 100
"""So many letters of a model's labels are shown."""


class Kind(NamedTuple):
    """A type of rule: its settings, what makes it of them, and the kind of its alerts."""

    settings: type
    make: Callable[..., Rule]
    alert: int


KINDS: dict[str, Kind] = {
    "collision": Kind(CollisionSettings, CollisionRule, FORWARD_COLLISION),
    "following": Kind(FollowingSettings, FollowingRule, FOLLOWING_DISTANCE),
    "driving": Kind(DrivingSettings, DrivingRule, HARSH_DRIVING),
    "zone": Kind(ZoneSettings, ZoneRule, ZONE),
    "dwell": Kind(DwellSettings, ZoneRule, DWELL),
    "line": Kind(LineSettings, LineRule, LINE),
}


def load_rules(path: Path) -> RuleSet:
    """The rules of a TOML file; functions are looked for in its folder too.

    Raises:
        ConfigError: not there, not TOML, or a key that is unknown, missing or does not fit, named.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file of rules") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    return read_rules(table, where=f"{path}: ", folder=path.parent)


def read_rules(table: Mapping[str, Any], *, where: str = "", folder: Path | None = None) -> RuleSet:
    """The rules of a table as TOML gives it: a list `rule` of tables.

    Args:
        table: of plain values.
        where: put before every error: the file's name.
        folder: is looked into for the modules of functions; None: the import path alone.

    Raises:
        ConfigError: as of `load_rules`.
    """
    unknown = sorted(table.keys() - {"rule"})
    if unknown:
        raise ConfigError(f"{where}{unknown[0]}: unknown key; expected a list of tables [[rule]]")
    entries = table.get("rule", [])
    if not isinstance(entries, list) or not all(isinstance(one, Mapping) for one in entries):
        raise ConfigError(f"{where}rule: expected a list of tables [[rule]], got {entries!r}")
    rules: dict[str, Rule] = {}
    for number, entry in enumerate(entries, 1):
        name = entry.get("name", entry.get("type"))
        key = f"rule {name}" if isinstance(name, str) else f"rule {number}"
        rule = _rule(entry, where, key, folder)
        if name in rules:
            raise ConfigError(f"{where}{key}: expected a name of its own, got that of another rule")
        rules[name] = rule
    return RuleSet(rules)


def check_classes(rules: RuleSet, labels: Sequence[str], *, where: str = "") -> None:
    """Whether every rule can see something: one for classes that the model lacks is silent forever.

    Args:
        rules: as `read_rules` gives them.
        labels: of the model; none: it does not tell, and nothing is checked.
        where: put before the error: the file's name.

    Raises:
        ConfigError: a rule names classes, and none of them is the model's.
    """
    for name, rule in rules.rules.items():
        settings: Any = getattr(rule, "settings", None)
        for key in ("classes", "vehicles"):
            named = getattr(settings, key, ())
            if named and labels and not set(named) & set(labels):
                known = textwrap.shorten(", ".join(labels), LISTED, placeholder=" ...")
                raise ConfigError(
                    f"{where}rule {name}.{key}: expected one label of the model at least ({known}),"
                    f" got {', '.join(named)}"
                )


def rule_tables(rules: RuleSet) -> list[dict[str, Any]]:
    """The tables that `read_rules` makes such rules of; of functions name and type alone."""
    types = {kind.settings: name for name, kind in KINDS.items()}
    tables: list[dict[str, Any]] = []
    for name, rule in rules.rules.items():
        settings: Any = getattr(rule, "settings", None)
        alert: Any = getattr(rule, "alert", None)
        if type(settings) not in types:
            tables.append({"type": "function", "name": name})
            continue
        table = {"type": types[type(settings)], "name": name, **asdict(settings)}
        tables.append(table if alert is None else {**table, "alert": asdict(alert)})
    return tables


def _rule(entry: Mapping[str, Any], where: str, key: str, folder: Path | None) -> Rule:
    kind = entry.get("type")
    rest = {name: value for name, value in entry.items() if name not in ("type", "name")}
    if "name" in entry and not isinstance(entry["name"], str):
        raise ConfigError(f"{where}{key}.name: expected a text, got {entry['name']!r}")
    if kind == "function":
        return _function(rest.pop("function", None), rest, where, key, folder)
    alert = rest.pop("alert", None)
    if not isinstance(kind, str) or kind not in KINDS:
        known = ", ".join([*KINDS, "function"])
        raise ConfigError(f"{where}{key}.type: expected one of {known}, got {kind!r}")
    chosen = KINDS[kind]
    settings: Any = read_table(chosen.settings, rest, where=where, key=key)
    if alert is None:
        return chosen.make(settings)
    return chosen.make(settings, _alert(alert, chosen.alert, where, key))


def _alert(value: Any, kind: int, where: str, key: str) -> AlertRequest:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}{key}.alert: expected a table, got {value!r}")
    return read_table(AlertRequest, {"kind": kind, **value}, where=where, key=f"{key}.alert")


def _function(
    value: Any, rest: Mapping[str, Any], where: str, key: str, folder: Path | None
) -> Rule:
    place = f"{where}{key}.function"
    if rest:
        raise ConfigError(f"{where}{key}.{next(iter(rest))}: unknown key; a function has no more")
    if not isinstance(value, str) or value.count(":") != 1:
        raise ConfigError(f"{place}: expected a text `module:function`, got {value!r}")
    module_name, _, name = value.partition(":")
    if folder is not None:
        sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(module_name)
        _check_namesake(module, folder)
        function = getattr(module, name)
    except Exception as error:
        raise ConfigError(f"{place}: {value!r} cannot be imported: {error}") from None
    finally:
        if folder is not None:
            sys.path.remove(str(folder))
    if not callable(function):
        raise ConfigError(f"{place}: expected a function, got {type(function).__name__}")
    return FunctionRule(function)


def _check_namesake(module: ModuleType, folder: Path | None) -> None:
    """Python knows one module of a name, and may have it from elsewhere already."""
    beside = None if folder is None else folder / f"{module.__name__.replace('.', '/')}.py"
    if beside is not None and beside.is_file():
        file = getattr(module, "__file__", None)
        if file is None or not beside.samefile(file):
            raise ImportError(f"expected {beside}, got another module of its name, {file}")
