"""Rules from TOML: what is read, and how a mistake in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecore.errors import ConfigError
from edgecore.rules import (
    AlertRequest,
    CollisionRule,
    CollisionSettings,
    DrivingRule,
    DwellSettings,
    FollowingRule,
    FunctionRule,
    LineRule,
    ZoneRule,
    check_classes,
    load_rules,
)
from edgecore.rules.collision import DEFAULT_ALERT

from .rule_parts import moment

EVERYTHING = """
[[rule]]
type = "collision"
ttc_s = 2

[[rule]]
type = "following"
headway_s = 0.8

[[rule]]
type = "driving"
braking = 4
alert = { level = 1, duration_ms = 300 }

[[rule]]
type = "zone"
name = "gate"
polygon = [[0, 0], [1, 0], [1, 1]]
classes = ["person"]

[[rule]]
type = "dwell"
name = "loading bay"
polygon = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]
dwell_s = 30
alert = { kind = 77 }

[[rule]]
type = "line"
start = [0, 0.5]
end = [1, 0.5]
direction = "in"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_type_is_read(tmp_path: Path) -> None:
    rules = load_rules(written(tmp_path, EVERYTHING)).rules
    assert {name: type(rule) for name, rule in rules.items()} == {
        "collision": CollisionRule,
        "following": FollowingRule,
        "driving": DrivingRule,
        "gate": ZoneRule,
        "loading bay": ZoneRule,
        "line": LineRule,
    }
    collision, bay = rules["collision"], rules["loading bay"]
    assert isinstance(collision, CollisionRule)
    assert isinstance(bay, ZoneRule)
    assert collision.settings == CollisionSettings(ttc_s=2.0)
    assert bay.settings == DwellSettings(((0.1, 0.1), (0.9, 0.1), (0.5, 0.9)), 30.0)


def test_alerts_are_asked_for_where_told_and_by_a_collision_anyway(tmp_path: Path) -> None:
    rules = load_rules(written(tmp_path, EVERYTHING)).rules
    asked = {name: rule.alert for name, rule in rules.items()}  # type: ignore[attr-defined]
    assert asked == {
        "collision": DEFAULT_ALERT,
        "following": None,
        "driving": AlertRequest(3, level=1, duration_ms=300),
        "gate": None,
        "loading bay": AlertRequest(77),
        "line": None,
    }


def test_a_function_is_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "yard_rules_of_a_test.py").write_text(
        "def empty(moment):\n    return [] if len(moment.detections) else [moment.event('empty')]\n"
    )
    path = written(
        tmp_path, '[[rule]]\ntype = "function"\nfunction = "yard_rules_of_a_test:empty"\n'
    )
    rules = load_rules(path)
    assert isinstance(rules.rules["function"], FunctionRule)
    assert [(event.rule, event.kind) for event in rules.judge(moment(0))] == [("function", "empty")]


def test_a_module_of_the_same_name_from_elsewhere_is_not_taken_for_the_one_beside_the_file(
    tmp_path: Path,
) -> None:
    rule = '[[rule]]\ntype = "function"\nfunction = "gate_rules_of_a_test:empty"\n'
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "gate_rules_of_a_test.py").write_text("def empty(moment): ...\n")
        written(tmp_path / place, rule)
    for _ in range(2):
        load_rules(tmp_path / "one/rules.toml")
    with pytest.raises(
        ConfigError, match=r"other/gate_rules_of_a_test\.py, got another .*one/gate_rules_of_a_te"
    ):
        load_rules(tmp_path / "other/rules.toml")


ZONE = '[[rule]]\ntype = "zone"\nname = "gate"\n'


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("rule = 3", r"rule: expected a list of tables \[\[rule\]\], got 3"),
        ("[rules]", "rules: unknown key"),
        ('[[rule]]\nname = "x"', r"rule x\.type: expected one of collision, .*function, got None"),
        ('[[rule]]\ntype = "zones"', r"rule zones\.type: expected one of .* got 'zones'"),
        (
            '[[rule]]\nname = "x"\ntype = ["line"]',
            r"rule x\.type: expected one of .*got \['line'\]",
        ),
        ('[[rule]]\ntype = "line"\nname = ["x"]', r"rule 1\.name: expected a text, got \['x'\]"),
        (
            '[[rule]]\ntype = "function"\nfunction = "json:dumps"\nalert = {}',
            r"rule function\.alert: unknown key",
        ),
        ('[[rule]]\ntype = "line"\nname = 3', r"rule 1\.name: expected a text, got 3"),
        (ZONE, r"rule gate\.polygon: missing"),
        (ZONE + "polygon = 3", r"rule gate\.polygon: expected a list of points \[x, y\], got 3"),
        (ZONE + "polygon = [[0, 0], [1]]", r"rule gate\.polygon: expected a list of points"),
        (ZONE + 'polygon = [[0, "a"]]', r"rule gate\.polygon: expected a number, got 'a'"),
        (ZONE + "polygon = [[0, 1.5]]", r"gate\.polygon: expected a number from 0 to 1, got 1.5"),
        (ZONE + "polygon = [[0, 0], [1, 1]]", r"rule gate\.polygon: expected at least 3 corners"),
        (ZONE + "polygom = []", r"rule gate\.polygom: unknown key; did you mean .*gate\.polygon"),
        (
            ZONE + "polygon = [[0, 0], [1, 0], [1, 1]]\nalert = { level = 9 }",
            r"rule gate\.alert\.level: expected a number from 0 to 3, got 9",
        ),
        (
            ZONE + "polygon = [[0, 0], [1, 0], [1, 1]]\nalert = true",
            r"rule gate\.alert: expected a table, got True",
        ),
        ('[[rule]]\ntype = "driving"\n[[rule]]\ntype = "driving"', "rule driving: .* another rule"),
        ('[[rule]]\ntype = "following"\nclear_s = 0.5', r"rule following\.clear_s: expected at le"),
        ('[[rule]]\ntype = "function"', "function: expected a text `module:function`, got None"),
        ('[[rule]]\ntype = "function"\nfunction = "json"', "`module:function`, got 'json'"),
        (
            '[[rule]]\ntype = "function"\nfunction = "nosuch:rule"',
            r"rule function\.function: 'nosuch:rule' cannot be imported: No module named 'nosuch'",
        ),
        (
            '[[rule]]\ntype = "function"\nfunction = "json:JSON"',
            "'json:JSON' cannot be imported: .*no attribute 'JSON'",
        ),
        ('[[rule]]\ntype = "function"\nfunction = "sys:path"', "expected a function, got list"),
        (
            '[[rule]]\ntype = "function"\nfunction = "json:dumps"\nlevel = 3',
            r"rule function\.level: unknown key",
        ),
        ("[[rule]", "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, text: str, error: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=rf"^{path}: .*{error}"):
        load_rules(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: no such file of rules"):
        load_rules(tmp_path / "none.toml")


def test_a_rule_for_classes_none_of_which_the_model_knows_is_named(tmp_path: Path) -> None:
    rules = load_rules(written(tmp_path, EVERYTHING))
    check_classes(rules, ["person", "car"])
    check_classes(rules, [])
    with pytest.raises(
        ConfigError,
        match=r"^rules: rule gate\.classes: expected one .* \(persons, car\), got person$",
    ):
        check_classes(rules, ["persons", "car"], where="rules: ")
    with pytest.raises(ConfigError, match=r"rule collision\.vehicles: .* got car, truck, bus, mot"):
        check_classes(rules, ["person"])
