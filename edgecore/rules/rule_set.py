"""All rules of a run, asked one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from edgecore.checked import read_table
from edgecore.rules.moment import AlertRequest, Event, Moment
from edgecore.state import Restorable, table

RESERVED = frozenset(
    ("event", "t_ns", "time", "alert", "rule", "kind", "frame", "label", "frame_t_ns")
) | {"at_ns", "tracker_ids"}
"""Names that a line of the diary has anyway; facts need others."""


class Rule(Protocol):
    """Something that judges frames in their order."""

    def judge(self, moment: Moment) -> Iterable[Event]:
        """What it has to say of this frame."""


class FunctionRule:
    """A plain function as a rule: takes a Moment, gives events, or None for none."""

    def __init__(self, function: Callable[[Moment], Iterable[Event] | None]) -> None:
        self._function = function

    def judge(self, moment: Moment) -> Iterable[Event]:
        """What the function says."""
        return self._function(moment) or ()


class RuleSet:
    """Rules by name; a name stands in every event of its rule.

    A rule that raises does not end the run: it says `rule_error`, once for each reason in a row,
    and is asked again with the next frame.
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self.rules = dict(rules)
        self._failing: dict[str, str] = {}

    def judge(self, moment: Moment) -> list[Event]:
        """Every rule's events of this frame, in the order of the rules."""
        events = []
        for name, rule in self.rules.items():
            try:
                events += [checked(event, name) for event in list(rule.judge(moment))]
                self._failing.pop(name, None)
            except (Exception, SystemExit) as error:
                reason = f"{type(error).__name__}: {error}"
                if self._failing.get(name) != reason:
                    self._failing[name] = reason
                    events.append(replace(moment.event("rule_error", reason=reason), rule=name))
        return events

    def state(self) -> dict[str, Any]:
        """What its rules go on from, as plain values that JSON keeps exactly; see `restore`."""
        states = {
            name: rule.state() for name, rule in self.rules.items() if isinstance(rule, Restorable)
        }
        return {"rules": states, "failing": dict(self._failing)}

    def restore(self, state: Any) -> None:
        """Go on from the `state` of a set with the same rules, and maybe more.

        Raises:
            ValueError: it is none.
        """
        states, failing = table(state, "rules", "failing")
        if not isinstance(states, dict) or not isinstance(failing, dict):
            raise ValueError(f"state: expected two tables, got {states!r:.40} and {failing!r:.40}")
        for name, rule in self.rules.items():
            if isinstance(rule, Restorable):
                rule.restore(states.get(name))
        self._failing = {name: failing[name] for name in self.rules if name in failing}


def checked(event: Event, rule: str) -> Event:
    """The event with its rule's name, and such that it can be written down and asked for.

    Raises:
        TypeError: it or its alert is something else, or JSON has no word for a fact.
        ValueError: a fact is not a finite number, or bears a reserved name.
        ConfigError: an alert that there cannot be.
    """
    if not isinstance(event, Event):
        raise TypeError(f"expected an edgecore.rules.Event, got {type(event).__name__}")
    taken = sorted(RESERVED & event.facts.keys())
    if taken:
        raise ValueError(f"facts: expected other names than {taken[0]!r}, which every event has")
    json.dumps(dict(event.facts), allow_nan=False)
    if event.alert is not None:
        if not isinstance(event.alert, AlertRequest):
            raise TypeError(
                "alert: expected an edgecore.rules.AlertRequest or None, "
                f"got {type(event.alert).__name__}"
            )
        read_table(AlertRequest, vars(event.alert), key="alert")
    return replace(event, rule=rule, tracker_ids=tuple(int(one) for one in event.tracker_ids))
