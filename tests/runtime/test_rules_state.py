"""Rules go on from their state, through JSON, as if nothing had been: any rule, at any moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecore.rules import (
    CollisionRule,
    FunctionRule,
    Moment,
    RuleSet,
    load_rules,
    read_rules,
    rule_tables,
)

from .rule_parts import imu, moment
from .test_rules_loading import EVERYTHING

QUICK: list[dict[str, Any]] = [
    {"type": "collision", "frames": 1, "rearm_s": 0.2, "vehicles": ["person"], "min_height": 0.01},
    {"type": "following", "on_s": 0.1, "off_s": 0.1, "headway_s": 3, "clear_s": 4}
    | {"vehicles": ["person"]},
    {"type": "driving", "on_s": 0.1, "off_s": 0.1},
    {"type": "zone", "polygon": [[0, 0], [0.6, 0], [0.6, 1], [0, 1]], "leave_s": 0.2},
    {"type": "dwell", "polygon": [[0.4, 0], [1, 0], [1, 1], [0.4, 1]], "dwell_s": 0.3},
    {"type": "line", "start": [0.5, 0], "end": [0.5, 1], "alert": {"level": 1}},
]


def drive(seed: int, frames: int = 60) -> list[Moment]:
    """Objects that wander about and are missed at times, and an accelerometer on a bad road."""
    random = np.random.default_rng(seed)
    places = {who: random.uniform(0.2, 0.8, 2) for who in (1, 2, 3)}
    moments = []
    for number in range(frames):
        for place in places.values():
            place += random.normal(0, 0.06, 2)
        seen = {
            who: (float(x), float(y)) for who, (x, y) in places.items() if random.random() < 0.9
        }
        times_s = number / 10 + np.arange(10) / 100
        force = random.normal(0, 6) * np.ones(10)
        moments.append(
            moment(
                number / 10,
                seen,
                speed_mps=float(random.uniform(0, 30)),
                imu=imu(times_s, force, -force),
                frame=number,
            )
        )
    return moments


@given(seed=st.integers(0, 10**6), cut=st.integers(0, 59))
def test_rules_go_on_from_their_state_as_if_nothing_had_been(seed: int, cut: int) -> None:
    moments, rules = drive(seed), read_rules({"rule": QUICK})
    for one in moments[:cut]:
        rules.judge(one)
    fresh = read_rules({"rule": QUICK})
    fresh.restore(json.loads(json.dumps(rules.state())))
    assert fresh.state() == rules.state()
    for one in moments[cut:]:
        assert fresh.judge(one) == rules.judge(one)
    assert fresh.state() == rules.state()


def test_every_rule_has_something_to_say_in_such_a_drive() -> None:
    rules = read_rules({"rule": QUICK})
    said = {event.rule for seed in range(30) for one in drive(seed) for event in rules.judge(one)}
    assert said == {"following", "driving", "zone", "dwell", "line"} | (said & {"collision"})
    assert said >= set(rules.rules) - {"collision"}


def test_the_tables_of_rules_make_the_same_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(EVERYTHING)
    rules = load_rules(path)
    tables = json.loads(json.dumps(rule_tables(rules)))
    again = read_rules({"rule": tables})
    assert rule_tables(again) == rule_tables(rules)
    for name, rule in again.rules.items():
        before: Any = rules.rules[name]
        assert type(rule) is type(before)
        assert vars(rule)["settings"] == before.settings
        assert vars(rule)["alert"] == before.alert


def test_functions_have_no_state_and_no_table_of_their_own() -> None:
    rules = RuleSet({"mine": FunctionRule(lambda _: None), "collision": CollisionRule()})
    assert list(rules.state()["rules"]) == ["collision"]
    assert rule_tables(rules)[0] == {"type": "function", "name": "mine"}


@pytest.fixture(scope="module")
def state_after_a_drive() -> str:
    rules = read_rules({"rule": QUICK})
    for one in drive(1, 30):
        rules.judge(one)
    return json.dumps(rules.state())


@pytest.fixture(scope="module")
def next_drive() -> list[Moment]:
    return drive(2, 60)[30:]


@pytest.mark.parametrize("kind", [table["type"] for table in QUICK])
@given(data=st.data())
def test_what_is_no_state_is_refused_as_a_value(
    kind: str, state_after_a_drive: str, next_drive: list[Moment], data: st.DataObject
) -> None:
    rules = read_rules({"rule": QUICK})
    state = json.loads(state_after_a_drive)
    odd = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([1.0])
    damage(state["rules"][kind], data, data.draw(odd | st.dictionaries(st.text(), odd)))
    try:
        rules.restore(state)
    except ValueError as error:
        assert str(error)  # noqa: PT017  # a value that fits by chance is no error
    for one in next_drive:
        rules.judge(one)


def damage(state: Any, data: st.DataObject, value: Any) -> None:
    """Put the value somewhere into the state."""
    while True:
        places = list(state) if isinstance(state, dict) else list(range(len(state)))
        place = data.draw(st.sampled_from(places))
        inner = state[place]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            state[place] = value
            return
        state = inner
