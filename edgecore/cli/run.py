"""`edgecore run`: the agent on a source, a model and a link."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from edgecore.cli.flight import open_flight
from edgecore.cli.key import key_file_option, key_in
from edgecore.cli.starting import started, starting
from edgecore.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from edgecore.agent import Agent, AgentConfig, EventLog
    from edgecore.agent.recording import Recorder
    from edgecore.agent.uplink import Uplink
    from edgecore.detector import Detector
    from edgecore.engines import EngineInfo
    from edgecore.isolation import IsolatedDetector
    from edgecore.sources import Source

EXAMPLES = """\b
Examples:
  edgecore run
  edgecore run --duration 30 --out results
  edgecore run --source dashcam.mp4 --model yolov8n.tflite --link none
  edgecore run --source /dev/video0 --link "serial:///dev/ttyACM0?baud=921600"
  edgecore run --config agent.toml

Without arguments: a rendered road, a small model that knows it, and a simulated firmware.
"""


@click.command("run", epilog=EXAMPLES)
@click.option(
    "--source",
    "-s",
    metavar="SOURCE",
    help="Video, pictures, camera, stream, ring:, or synthetic:",
)
@click.option(
    "--model", "-m", metavar="FILE", help="TFLite file; default: the embedded road model."
)
@click.option(
    "--link",
    "-l",
    metavar="URL",
    help="Firmware: sim:, serial:///dev/..., unix:///..., tcp://host:port, or none.",
)
@key_file_option
@click.option(
    "--out", "-o", metavar="DIR", help="Folder of the results; default: a new one in runs/."
)
@click.option("--duration", "-d", type=float, metavar="SECONDS", help="End after so many seconds.")
@click.option("--config", "-c", type=Path, metavar="FILE", help="TOML file; flags win over it.")
@click.option(
    "--rules", "-r", metavar="FILE", help="TOML file of rules; default: forward collision."
)
@click.option("--engine", metavar="NAME", help="auto, litert or tflite.")
@click.option(
    "--isolated",
    is_flag=True,
    default=None,
    help="Run the engine in a process of its own, with a spare.",
)
@click.option(
    "--score-threshold", type=float, metavar="0..1", help="Weaker detections are left out."
)
@click.option("--annotate", metavar="KIND", help="auto, video, pictures or none.")
@click.option(
    "--flight/--no-flight",
    default=None,
    help="Keep the last seconds; write them on an alert.",
)
def run(
    source: str | None,
    model: str | None,
    link: str | None,
    key_file: Path | None,
    out: str | None,
    duration: float | None,
    config: Path | None,
    rules: str | None,
    engine: str | None,
    isolated: bool | None,
    score_threshold: float | None,
    annotate: str | None,
    flight: bool | None,
) -> None:
    """Watch the road and alert the firmware before a collision.

    Takes frames from a source, finds vehicles with a TFLite model, and asks the firmware for an
    alert when the vehicle ahead closes in, or when a rule of a file says so. Leaves summary.json,
    events.jsonl, an annotated video, and the seconds around each alert in flights. Ctrl-C or
    SIGTERM end it cleanly; SIGHUP has it read --config again for a new model.
    """
    flags = {
        "source": source,
        "model": model,
        "link": link,
        "key_file": None if key_file is None else str(key_file),
        "out": out,
        "duration_s": duration,
        "rules": rules,
        "detector.engine": engine,
        "detector.isolated": isolated,
        "detector.score_threshold": score_threshold,
        "output.annotate": annotate,
        "flight.enabled": flight,
    }
    with starting():
        from edgecore.agent import load_config

        again = None if config is None else lambda: load_config(config, flags)
        sys.exit(run_agent(load_config(config, flags), again))


def run_agent(config: AgentConfig, again: Callable[[], AgentConfig] | None = None) -> int:
    """Build everything the configuration names, run it, write the summary.

    Args:
        config: what to run.
        again: reads the configuration anew, at SIGHUP; None leaves that signal alone.

    Returns:
        0, or 1 when the run ended in failure.

    Raises:
        EdgecoreError, firmware_bridge.BridgeError: something named is not there; nothing has run.
    """
    from edgecore.agent import Agent, EventLog
    from edgecore.agent.display import Display, Voice
    from edgecore.agent.service import ServiceManager
    from edgecore.agent.summary import write_summary
    from edgecore.rules import check_classes

    console = Voice()
    with contextlib.ExitStack() as stack:
        asked: deque[int] = deque()
        if again is not None:
            stack.enter_context(noted(signal.SIGHUP, asked))
        # What is likely to be mistyped comes first; nothing is left on disk when it fails.
        rules = config.rule_set()
        detector = load_detector(config, config.model, stack)
        if config.rules is not None:
            check_classes(rules, detector.labels, where=f"{config.rules}: ")
        governor = config.governor.make()
        config.swap.make()
        smaller = {
            step.model: load_detector(config, step.model, stack)
            for step in (governor.steps if governor is not None else ())
            if step.model is not None
        }
        epoch_ns = time.monotonic_ns()
        source = open_source(config.source, epoch_ns)
        stack.callback(source.close)
        display = stack.enter_context(Display(console))
        events = EventLog(told=display.event)
        stack.callback(events.close)
        events.write("detector", **dataclasses.asdict(detector.info))
        uplink = open_uplink(config, epoch_ns, events)
        if uplink is not None:
            stack.callback(uplink.close)
        folder = results_folder(config.out)
        events.open(folder / "events.jsonl")
        recorder = open_recorder(config, source, folder)
        options = detector_options(config)
        flight = open_flight(config, source, detector, options, rules, uplink, events, folder)
        if flight is not None:
            stack.callback(flight.close)
        agent = Agent(
            source,
            detector,
            events,
            uplink=uplink,
            recorder=recorder,
            rules=rules,
            tracker=config.tracker,
            governor=governor,
            models=smaller,
            flight=flight,
        )
        _introduce(console, config, agent, detector, folder)
        display.follow(agent)
        manager = ServiceManager()

        def tick() -> None:
            display.tick()
            manager.tick(agent.tally.frames, agent.stalled)
            if again is not None and asked:
                asked.clear()
                swap_model(agent, events, again)

        started()
        with stopped_by_signals(agent):
            summary = agent.run(config.duration_s, tick)
            manager.stopping()
            try:
                write_summary(folder / "summary.json", summary)
            except ConfigError as error:
                summary["failure"] = summary["failure"] or str(error)
    _conclude(console, summary, source, folder)
    if summary["failure"]:
        print(f"edgecore: {summary['failure']}", file=sys.stderr)
        return 1
    return 0


def load_detector(
    config: AgentConfig, model: str | None, stack: contextlib.ExitStack
) -> Detector | IsolatedDetector:
    """A model on the configured engine, which `stack` ends; None is the embedded one."""
    options = {**detector_options(config), **isolation_options(config)}
    if config.detector.isolated:
        from edgecore.isolation import IsolatedDetector

        return stack.enter_context(IsolatedDetector(model, **options))
    from edgecore import Detector

    return Detector.from_file(model, **options)


def detector_options(config: AgentConfig) -> dict[str, Any]:
    """The configured keywords of `Detector.from_file`."""
    from edgecore.engines.accelerator import parse

    settings = config.detector
    try:
        for choice in (settings.accelerator, *settings.fallback):
            parse(choice)
    except ValueError as error:
        raise ConfigError(f"detector: {error}") from None
    return {
        "engine": settings.engine,
        "accelerator": settings.accelerator,
        "fallback": settings.fallback,
        "num_threads": settings.num_threads,
        "score_threshold": settings.score_threshold,
        "iou_threshold": settings.iou_threshold,
        "max_detections": settings.max_detections,
        "labels": settings.labels,
    }


def isolation_options(config: AgentConfig) -> dict[str, Any]:
    """The configured keywords that `IsolatedDetector` has besides; none in this process."""
    settings = config.detector
    if settings.memory_mib is None:
        return {}
    if not settings.isolated:
        raise ConfigError("detector.memory_mib: expected isolated = true beside it, got false")
    return {"memory_bytes": round(settings.memory_mib * (1 << 20))}


def swap_model(agent: Agent, events: EventLog, again: Callable[[], AgentConfig]) -> None:
    """Have the agent change to the model that the configuration names now."""
    from edgecore import model

    try:
        config = again()
        options = {**detector_options(config), **isolation_options(config)}
        self_test, trial = config.swap.make()
    except ConfigError as error:
        events.write("swap_refused", reason=str(error))
        return
    agent.swap(
        model.embedded() if config.model is None else Path(config.model),
        self_test=self_test,
        trial=trial,
        isolated=config.detector.isolated,
        **options,
    )


def open_source(url: str, epoch_ns: int) -> Source:
    """The configured source; the synthetic road starts its scenario at `epoch_ns`, unless its
    options say where it begins."""
    from edgecore import sources

    if url.partition(":")[0] == "synthetic" and "epoch_ns=" not in url and "first=" not in url:
        return sources.open(url, epoch_ns=epoch_ns)
    return sources.open(url)


def open_uplink(config: AgentConfig, epoch_ns: int, events: EventLog) -> Uplink | None:
    """The link to the firmware, None for `none`; `sim:` drives by the source's scenario."""
    if config.link == "none":
        return None
    from edgecore.agent.uplink import Uplink

    url = config.link
    if url.partition(":")[0] == "sim" and "epoch_ns=" not in url:
        url += ("&" if "?" in url else "?") + f"epoch_ns={epoch_ns}"
    key = key_in(None if config.key_file is None else Path(config.key_file))
    try:
        return Uplink(url, config.alert, events, key=key, trace_bytes=config.flight.link_bytes)
    except ValueError as error:
        raise ConfigError(f"link: {error}") from None


def open_recorder(config: AgentConfig, source: Source, folder: Path) -> Recorder | None:
    """What keeps the annotated frames, None for `none`."""
    kind = config.output.annotate
    if kind == "none":
        return None
    from edgecore.agent.recording import PictureRecording, Recorder, VideoRecording

    if kind == "auto":
        kind = "pictures" if source.resumable else "video"
    recording = (
        PictureRecording(folder / "annotated")
        if kind == "pictures"
        else VideoRecording(folder / "annotated")
    )
    return Recorder(recording, lossless=not source.live)


def results_folder(name: str | None) -> Path:
    """The folder of the results, made if need be; results of an earlier run in it are replaced.

    Raises:
        ConfigError: it cannot be made or written to.
    """
    folder = Path(name) if name else Path("runs") / datetime.now().strftime("%Y-%m-%dT%H-%M-%S")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "summary.json").unlink(missing_ok=True)
        (folder / "events.jsonl").touch()
    except OSError as error:
        raise ConfigError(f"out: {folder}: cannot be written: {error.strerror}") from None
    return folder


@contextlib.contextmanager
def noted(number: signal.Signals, asked: deque[int]) -> Iterator[None]:
    """A signal is appended, and does nothing else: no lock, which the main thread may hold."""
    previous = signal.signal(number, lambda got, _: asked.append(got))
    try:
        yield
    finally:
        signal.signal(number, previous)


@contextlib.contextmanager
def stopped_by_signals(agent: Agent) -> Iterator[None]:
    """SIGINT and SIGTERM end the run after its frame; a second one ends the process as usual."""

    def stop(number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        agent.stop(f"stopped by {name}")
        signal.signal(number, previous[number])

    kinds = (signal.SIGINT, signal.SIGTERM)
    previous = {int(number): signal.getsignal(number) for number in kinds}
    for number in kinds:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in kinds:
            signal.signal(number, previous[int(number)])


def _introduce(
    console: Console,
    config: AgentConfig,
    agent: Agent,
    detector: Detector | IsolatedDetector,
    folder: Path,
) -> None:
    height, width = detector.input_size
    model = config.model or "embedded road model"
    engine = _engine(detector.info)
    if config.detector.isolated:
        engine += ", isolated"
    rows = [
        ("source", agent.source.description),
        ("model", f"{model}, {width}x{height}, on {engine}"),
        ("link", config.link if agent.uplink else "none"),
        ("results", str(folder)),
    ]
    for name, text in rows:
        console.print(f"{name:8} {text}", highlight=False, markup=False, soft_wrap=True)


def _engine(info: EngineInfo) -> str:
    parts = [info.engine, info.accelerator]
    if info.num_threads > 1:
        parts.append(f"{info.num_threads} threads")
    if info.refused:
        parts.append(f"instead of {'; '.join(info.refused)}")
    return ", ".join(parts)


def _conclude(console: Console, summary: dict[str, Any], source: Source, folder: Path) -> None:
    lines = [
        "",
        f"{summary['frames']} frames in {summary['duration_s']:.1f} s ({summary['ended']}), "
        f"{summary['fps']:.1f} fps, {summary['dropped']} dropped",
        f"median per frame: preprocess {summary['preprocess_ms']:.2f}, invoke "
        f"{summary['invoke_ms']:.2f}, postprocess {summary['postprocess_ms']:.2f} ms",
        f"{summary['detections']} detections; {summary['alerts']} alerts, "
        f"{summary['alerts_sent']} sent, {summary['alerts_acknowledged']} acknowledged; "
        f"{summary['telemetry_records']} telemetry records",
    ]
    lines += [f"note: {note}" for note in source.notes]
    lines.append(f"results: {folder / 'summary.json'}, {folder / 'events.jsonl'}")
    if summary["recording"]:
        lines[-1] += f", {summary['recording']}"
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
