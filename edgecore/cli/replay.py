"""`edgecore replay`: a flight judged again, and where it parts from what was recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from edgecore.flight import Divergence, Judged, Replay

EXAMPLES = """
[bold]Examples[/]

edgecore replay results/flights/flight-000001-alert.zip
"""
_COLUMN = 40


def replay(
    flight: Annotated[Path, typer.Argument(help="A flight, as `edgecore run` leaves them.")],
) -> None:
    """Judge a recorded flight again, by the same code with the recorded times.

    The events must be those that were recorded, to the last bit. Where they are not, the first
    frame that differs is shown, recorded and replayed side by side with the frames before it, and
    the exit status is 1.
    """
    from edgecore.flight import replay as judge_again

    outcome = judge_again(flight)
    found = outcome.divergence
    print("\n".join(_told(outcome) if found is None else side_by_side(found)))
    if found is not None:
        raise typer.Exit(1)


def _told(outcome: Replay) -> list[str]:
    lines = [
        f"frame {event['frame']}: {_shown(event['rule'])}: {_shown(event['kind'])}"
        + "".join(f", {name} {_shown(fact)}" for name, fact in event["facts"].items())
        for event in outcome.events
    ]
    ending = f"{outcome.frames} frames, {len(lines)} events: as recorded"
    if outcome.skipped:
        ending += f"; {outcome.skipped} frames before the first state left out"
    if outcome.functions:
        ending += f"; not asked, being functions: {', '.join(map(_shown, outcome.functions))}"
    return [*lines, ending]


def side_by_side(found: Divergence) -> list[str]:
    """The divergence as two columns, and below them each field that differs."""
    lines = [f"{'':10} {'recorded':{_COLUMN}}   replayed"]
    lines += [_row(one, "|") for one in found.before]
    lines += [_row(found.at, "!"), f"frame {found.at.frame} differs:"]
    for name, (ours, theirs) in found.fields.items():
        lines.append(f"  {json.dumps(name)[1:-1]}: {_shown(ours)} | {_shown(theirs)}")
    return lines


def _row(one: Judged, mark: str) -> str:
    left, right = _brief(one.recorded), _brief(one.replayed)
    return f"{one.frame:<10} {left:{_COLUMN}} {mark} {right}"


def _brief(outcome: dict[str, Any]) -> str:
    """The events of a frame, and what the collision rules saw."""
    said = [f"{_shown(one.get('rule'))}: {_shown(one.get('kind'))}" for one in outcome["events"]]
    seen = [
        f"{_shown(view.get('danger'))}, ttc {_shown(view.get('ttc_s'))}"
        for view in outcome["view"].values()
        if isinstance(view, dict)
    ]
    return "; ".join([*said, *seen])[:_COLUMN]


def _shown(value: object) -> str:
    """As JSON, so that no text of a file reaches the terminal's own codes."""
    return json.dumps(value).strip('"')[:_COLUMN]
