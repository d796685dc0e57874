"""`edgecore replay`: a flight through the code that made it again, and where the two part."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecore.cli.accelerator import accelerator_option
from edgecore.cli.command import Argument, Command
from edgecore.cli.side_by_side import page_width, shown, side_by_side

if TYPE_CHECKING:
    from edgecore.flight import Judged, Replay
    from edgecore.flight.link_replay import Received

EXAMPLES = """\b
Examples:
  edgecore replay results/flights/flight-000001-alert.zip
  edgecore replay results/flights/flight-000001-alert.zip --pixels
  edgecore replay flight-000001-alert.zip --source drive.mp4 --model next.tflite --lax
"""


@click.command("replay", cls=Command, epilog=EXAMPLES)
@click.argument("flight", cls=Argument, type=Path, help="A flight, as `edgecore run` leaves them.")
@click.option("--pixels", is_flag=True, help="Run detector and tracker on the frames again.")
@click.option(
    "--source", "-s", metavar="SOURCE", help="Gives the frames, in place of that of then."
)
@click.option("--model", "-m", metavar="FILE", help="Another model than that of then.")
@accelerator_option
@click.option(
    "--lax/--strict",
    default=False,
    help="The same events and about the same boxes are enough.",
)
def replay(
    flight: Path, pixels: bool, source: str | None, model: str | None, accelerator: str, lax: bool
) -> None:
    """Judge a recorded flight again, by the same code with the recorded times and telemetry.

    The events must be those that were recorded: to the last bit, or with --lax of the same kinds at
    about the same times. The bytes of the link are decoded again, and must hold the telemetry that
    the frames took. With --pixels, which --source and --model imply, the frames themselves go
    through the detector again; they come from the source of then, if it gives the same frames
    again, or from the flight, if it keeps them.

    The first frame that differs is shown, recorded and replayed side by side with the frames before
    it, and the exit status is 1.
    """
    from edgecore.flight import replay as again

    outcome = again(
        flight,
        mode="lax" if lax else "strict",
        pixels=pixels or source is not None or model is not None,
        source=source,
        model=model,
        accelerator=accelerator,
    )
    if outcome.alike:
        print("\n".join(_told(outcome)))
        return
    width = page_width()
    if outcome.divergence is not None:
        lines = side_by_side(outcome.divergence, "recorded", "replayed", width, row_text)
    else:
        assert outcome.link is not None
        assert outcome.link.divergence is not None
        titles = ("taken by frames", "in the bytes of the link")
        lines = side_by_side(outcome.link.divergence, *titles, width, record_text)
    print("\n".join(lines))
    sys.exit(1)


def _told(outcome: Replay) -> list[str]:
    lines = [
        f"frame {event['frame']}: {shown(event['rule'])}: {shown(event['kind'])}"
        + "".join(f", {name} {shown(fact)}" for name, fact in event["facts"].items())
        for event in outcome.events
    ]
    ending = f"{outcome.frames} frames, {len(lines)} events: as recorded"
    for count, what in (
        (outcome.detected, "frames through the detector again"),
        (outcome.missing, "frames that the source does not have"),
        (outcome.altered, "frames with other pixels than then"),
        (outcome.gaps, "gaps in the recording"),
        (outcome.skipped, "frames before the first state left out"),
    ):
        ending += f"; {count} {what}" if count else ""
    if outcome.link is not None and outcome.link.records:
        ending += f"; {outcome.link.records} records in the bytes of the link"
    if outcome.functions:
        ending += f"; not asked, being functions: {', '.join(map(shown, outcome.functions))}"
    return [*lines, ending]


def record_text(record: Received | None) -> str:
    """One record of telemetry."""
    if record is None:
        return "(no such record)"
    fields = " ".join(f"{shown(name)}={shown(value)}" for name, value in record.fields.items())
    return f"{record.frame:<8} {shown(record.message)} {fields}"


def row_text(judged: Judged | None) -> str:
    """What came of a frame: its events, what the collision rules saw, how much was detected."""
    if judged is None:
        return "(no such frame)"
    outcome = judged.outcome
    said = [f"{shown(one.get('rule'))}: {shown(one.get('kind'))}" for one in outcome["events"]]
    seen = [
        f"{shown(view.get('danger'))}, ttc {shown(view.get('ttc_s'))}"
        for view in outcome["view"].values()
        if isinstance(view, dict)
    ]
    found = [f"{len(outcome['detections'])} detections"] if "detections" in outcome else []
    return f"{judged.frame:<8} " + "; ".join([*said, *seen, *found])
