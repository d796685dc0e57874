"""The agent with rules: events on record, telemetry joined to frames, alerts of every kind sent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgecore.agent import Agent, EventLog, load_config
from edgecore.agent.config import AlertSettings
from edgecore.agent.display import Display, Voice
from edgecore.agent.uplink import Uplink
from edgecore.errors import ConfigError
from edgecore.rules import AlertRequest, CollisionRule, FunctionRule, RuleSet, read_rules

from .agent_parts import BRAKE_S, Clockwork, IdealDetector
from .firmware_process import firmware_before, wait_for_scene

RULES: dict[str, Any] = {
    "rule": [
        {"type": "driving", "alert": {"level": 1, "duration_ms": 200}},
        {"type": "collision", "alert": {"level": 3}},
        {
            "type": "following",
            "headway_s": 1.3,
            "clear_s": 1.8,
            "focal": 0.625,
            "horizon": 0.42,
            "alert": {},
        },
        {
            "type": "zone",
            "name": "ahead",
            "polygon": [[0.3, 0.4], [0.7, 0.4], [0.7, 1], [0.3, 1]],
        },
    ]
}


@pytest.fixture
def events(tmp_path: Path) -> Iterator[EventLog]:
    log = EventLog(tmp_path / "events.jsonl")
    yield log
    log.close()


def diary(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_a_braking_ahead_is_told_by_picture_and_telemetry_and_every_alert_is_acknowledged(
    tmp_path: Path, events: EventLog
) -> None:
    """The scenario's lead brakes at 6 s and ego at 7.2 s; here they begin after a second."""
    with firmware_before(tmp_path, BRAKE_S - 1) as (firmware, epoch_ns):
        uplink = Uplink(firmware.url, AlertSettings(deadline_s=20), events)
        wait_for_scene(epoch_ns, BRAKE_S - 1)
        agent = Agent(
            Clockwork(5.0), IdealDetector(epoch_ns), events, uplink=uplink, rules=read_rules(RULES)
        )
        summary = agent.run()
    told = {(line["rule"], line["kind"]): line for line in diary(tmp_path) if "rule" in line}
    assert summary["failure"] is None
    assert {name: count for name, count in summary["rule_events"].items() if count == 1} == (
        summary["rule_events"]
    )
    braking, collision = told["driving", "harsh_braking"], told["collision", "alert"]
    close, entered = told["following", "too_close"], told["ahead", "entered"]
    assert 7.3 < (braking["at_ns"] - epoch_ns) / 1e9 < 10.5  # it brakes until then
    assert braking["mps2"] > 3.4
    assert collision["tracker_ids"] == close["tracker_ids"] == entered["tracker_ids"] == [1]
    assert [line["event"] for line in (braking, collision, close, entered)] == (
        ["alert", "alert", "alert", "rule"]
    )
    assert entered["frame"] in (5, 6)  # has its id from the second frame on, and enters 0.2 s later
    assert summary["alerts"] == summary["alerts_acknowledged"] == 3


def test_a_function_of_ours_that_fails_stops_neither_the_run_nor_the_other_rules(
    tmp_path: Path, events: EventLog
) -> None:
    epoch_ns = time.monotonic_ns() - round(5e9)
    rules = RuleSet({"mine": FunctionRule(lambda _: 1 / 0), "collision": CollisionRule()})
    summary = Agent(Clockwork(4.5), IdealDetector(epoch_ns), events, rules=rules).run()
    assert summary["failure"] is None
    assert summary["rule_events"] == {"mine: rule_error": 1, "collision: alert": 1}
    (error,) = [line for line in diary(tmp_path) if line.get("kind") == "rule_error"]
    assert error["reason"] == "ZeroDivisionError: division by zero"


def test_people_read_what_a_rule_says(capsys: pytest.CaptureFixture[str]) -> None:
    log = EventLog(told=Display(Voice()).event)
    rules = {"rule": "gate", "kind": "entered", "frame": 7, "tracker_ids": [3]}
    log.write("rule", **rules)
    log.write("alert", alert=2, **{**rules, "tracker_ids": []})
    log.write("alert", alert=3, **rules, ttc_s="soon")
    log.write("rule", **{**rules, "tracker_ids": [], "kind": "rule_error", "reason": "why [x]"})
    assert capsys.readouterr().out.splitlines() == [
        "gate: entered of object 3 (frame 7)",
        "ALERT 2: gate: entered (frame 7)",
        "ALERT 3: gate: entered of object 3 (frame 7)",
        "gate: rule_error: why [x] (frame 7)",
    ]


def test_the_configuration_names_rules_and_tracker(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text("[tracker]\nhigh_threshold = 0.6\nclass_aware = true\n[alert]\nlevel = 3\n")
    config = load_config(path, {})
    assert config.tracker.high_threshold == 0.6
    assert config.tracker.tracker().tracks.tracker_id.size == 0
    (rule,) = config.rule_set().rules.values()
    assert isinstance(rule, CollisionRule)
    assert rule.alert == AlertRequest(1, level=3, duration_ms=1500)
    with pytest.raises(ConfigError, match=r"nosuch\.toml: no such file of rules"):
        load_config(None, {"rules": str(tmp_path / "nosuch.toml")}).rule_set()
    path.write_text("[tracker]\nlow_threshold = 0.5\n")
    with pytest.raises(ConfigError, match=r"tracker\.low_threshold: expected at most high_thresh"):
        load_config(path, {})
