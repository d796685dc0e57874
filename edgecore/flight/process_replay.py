"""Process replay: a flight through the code that made it, and whether it comes to the same."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecore.errors import FlightError

from .comparison import Comparison, Judged, Mode
from .file import read_lines
from .judging import Judging, Line, Seen

if TYPE_CHECKING:
    from firmware_bridge.divergence import Divergence

    from .link_replay import LinkReplay


@dataclass
class Replay:
    """What a replay came to.

    Attributes:
        header: of the flight: what triggered it, source, model, settings.
        frames: judged again; with a divergence those before it.
        detected: those of them that the detector saw again.
        missing: frames that the source no longer has; judged by what was recorded of them.
        altered: frames with other pixels than then.
        gaps: places where frames are missing in the recording.
        skipped: frames before the first recorded state, which cannot be.
        functions: names of rules that were not asked: a flight has no code in it.
        events: the replayed ones.
        divergence: the first frame that came to something else; None: there is none.
        link: what came of the link's bytes; None: they were not decoded again.
    """

    header: dict[str, Any]
    functions: tuple[str, ...]
    frames: int = 0
    detected: int = 0
    missing: int = 0
    altered: int = 0
    gaps: int = 0
    skipped: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    divergence: Divergence[Judged] | None = None
    link: LinkReplay | None = None

    @property
    def alike(self) -> bool:
        """Whether everything was."""
        return self.divergence is None and (self.link is None or self.link.divergence is None)


def replay(
    flight: str | PathLike[str],
    *,
    mode: Mode = "strict",
    pixels: bool = False,
    source: str | None = None,
    model: str | None = None,
    accelerator: str = "cpu",
) -> Replay:
    """Feed a flight, with its recorded times and telemetry, to the code that made it.

    The rules start from their first recorded state and from there get every frame of the run, so
    views and events must be what they were. With `pixels` the frames themselves go through
    pipeline, detector and tracker again; else what was detected is taken as recorded. The link's
    bytes, where the flight has them, are decoded again and must hold the telemetry of the frames.

    Args:
        flight: the file.
        mode: "strict": everything to the last bit, pixels included. "lax": what `Comparison` allows
            is alike, frames that are missing, here or there, or have other pixels are counted, and
            the link is left out.
        pixels: run the detector.
        source: gives the frames; None: that of then, or the frames that the flight keeps.
        model: a model file in place of that of then.
        accelerator: to run it on; see `Detector.from_file`.

    Raises:
        FlightError: it cannot be read, is damaged, has rules that make no sense, no frame that can
            be judged, or frames that cannot be had.
        SourceError: the named source cannot be opened.
        ModelError, EngineError: the detector cannot be had.
        ValueError: another mode.
    """
    path = Path(flight)
    lines = read_lines(path)
    header = next(lines, None)
    if header is None:
        raise FlightError(f"{path}: not a flight: its log is empty")
    judging = Judging(header, path, tracked=pixels)
    outcome = Replay(header, judging.functions)
    options = header.get("options")
    threshold = options.get("score_threshold") if isinstance(options, dict) else None
    comparison = Comparison(mode, threshold if isinstance(threshold, int | float) else 0.0)
    frames = _judgeable(path, lines, judging, outcome)
    if pixels:
        from .rerun import open_detector, open_supply, rerun

        supply = open_supply(path, header, source)
        detector = open_detector(path, header, model, accelerator)
        seen, whole = rerun(path, frames, supply, detector), supply.whole
    else:
        seen, whole = _as_recorded(frames), False
    last: Judged | None = None
    with closing(seen):
        for one in seen:
            try:
                last = _take(one, whole, judging, comparison, outcome, last)
            except (FlightError, ValueError, RecursionError) as error:
                raise FlightError(f"{path}: line {one.number}: {error}") from None
            if outcome.divergence is not None:
                return outcome
    if not outcome.frames:
        raise FlightError(f"{path}: expected a state of the rules and frames after it, got none")
    outcome.divergence = comparison.end()
    if outcome.divergence is None and mode == "strict":
        from .link_replay import replay_link

        outcome.link = replay_link(path)
    return outcome


def _judgeable(
    path: Path, lines: Iterator[Line], judging: Judging, outcome: Replay
) -> Iterator[tuple[int, Line]]:
    """The frames from the first state on, with the numbers of their lines."""
    ready = False
    for number, line in enumerate(lines, 2):
        if line.get("record") == "state" and not ready:
            try:
                judging.begin(line)
            except (ValueError, RecursionError) as error:
                raise FlightError(f"{path}: line {number}: {error}") from None
            ready = True
        elif line.get("record") == "frame" and ready:
            yield number, line
        elif line.get("record") == "frame":
            outcome.skipped += 1


def _as_recorded(frames: Iterator[tuple[int, Line]]) -> Generator[Seen, None, None]:
    for number, line in frames:
        yield Seen(number, line, None, None)


def _take(
    seen: Seen,
    whole: bool,
    judging: Judging,
    comparison: Comparison,
    outcome: Replay,
    last: Judged | None,
) -> Judged:
    """Judge one frame again and count it, or say where the divergence is."""
    recorded = judging.recorded(seen.line)
    strict = comparison.mode == "strict"
    if last is not None and recorded.frame != last.frame + 1:
        outcome.gaps += 1
        if strict:
            outcome.divergence = comparison.gap(last.frame + 1, recorded)
            return recorded
    if whole and seen.found is None:
        outcome.missing += 1
        if strict:
            outcome.divergence = comparison.absent(recorded)
            return recorded
    replayed = judging.again(seen.line, seen.found, seen.pixels)
    outcome.divergence = comparison.add(recorded, replayed)
    if outcome.divergence is None:
        outcome.frames += 1
        outcome.detected += seen.found is not None
        outcome.altered += recorded.outcome.get("pixels") != replayed.outcome.get("pixels")
        outcome.events += replayed.outcome["events"]
    return recorded
