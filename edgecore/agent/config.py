"""The agent's configuration: a TOML file, and the command line's flags over it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from edgecore.checked import OneOf, Or, Range, read_table
from edgecore.errors import ConfigError
from edgecore.pipeline.governor import Governor, Rule, Step
from edgecore.pipeline.self_test import SelfTest
from edgecore.pipeline.trial import Trial
from edgecore.rules import AlertRequest, CollisionRule, CollisionSettings, RuleSet, load_rules
from edgecore.rules.collision import FORWARD_COLLISION
from edgecore.tracking import LONGEST_LOST_S, Tracker

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENGINES = ("auto", "litert", "tflite")


@dataclass(frozen=True)
class DetectorSettings:
    """How the model is run: the keywords of `edgecore.Detector.from_file`.

    Attributes:
        isolated: in a process of its own, with a spare (`edgecore.isolation`).
        memory_mib: that process's heap may not grow beyond; None: no ceiling.
    """

    engine: Annotated[str, OneOf(ENGINES)] = "auto"
    accelerator: str = "cpu"
    fallback: tuple[str, ...] = ()
    num_threads: Annotated[int | Literal["auto"], Range(1, 64), Or("auto")] = 1
    score_threshold: Annotated[float, Range(0, 1)] = 0.25
    iou_threshold: Annotated[float, Range(0, 1)] = 0.45
    max_detections: Annotated[int, Range(1, 10000)] = 300
    labels: str | None = None
    isolated: bool = False
    memory_mib: Annotated[float | None, Range(1, 1 << 20)] = None


@dataclass(frozen=True)
class TrackerSettings:
    """How objects are followed: the keywords of `edgecore.Tracker`.

    The defaults differ from the library's: detectors of road scenes give distant vehicles low
    scores, and waver between car and truck.
    """

    high_threshold: Annotated[float, Range(0, 1)] = 0.3
    low_threshold: Annotated[float, Range(0, 1)] = 0.1
    lost_s: Annotated[float, Range(0, LONGEST_LOST_S)] = 1.0
    min_sightings: Annotated[int, Range(1, 1000)] = 2
    class_aware: bool = False

    def __post_init__(self) -> None:
        if self.low_threshold > self.high_threshold:
            raise ConfigError(
                f"low_threshold: expected at most high_threshold ({self.high_threshold:g}), "
                f"got {self.low_threshold:g}"
            )

    def tracker(self) -> Tracker:
        """One of these settings."""
        return Tracker(**dataclasses.asdict(self))


@dataclass(frozen=True)
class AlertSettings:
    """What is asked of the firmware when a collision is near, and until when any alert is of use.

    Attributes:
        level: 0 to 3, as the firmware's Alert message has it.
        duration_ms: how long it is to sound.
        deadline_s: later than this an alert is of no use; the firmware refuses it, and one that
            waited so long for a lost link is not sent any more.
    """

    level: Annotated[int, Range(0, 3)] = 2
    duration_ms: Annotated[int, Range(1, 60000)] = 1500
    deadline_s: Annotated[float, Range(0.01, 60)] = 0.5


@dataclass(frozen=True)
class GovernorSettings:
    """When the run is slowed down, and how: see `edgecore.pipeline.Governor`.

    Attributes:
        rule: tables of `edgecore.pipeline.Rule`; none is no governor.
        step: tables of `edgecore.pipeline.Step`; `model` is a model file.
        period_s: from one look at the readings to the next.
    """

    rule: tuple[Rule, ...] = ()
    step: tuple[Step, ...] = ()
    period_s: Annotated[float, Range(0.01, 3600)] = 1.0

    def make(self) -> Governor | None:
        """The governor, None without rules and steps.

        Raises:
            ConfigError: what is declared makes no sense together.
        """
        if not self.rule and not self.step:
            return None
        try:
            return Governor(self.rule, self.step, period_s=self.period_s)
        except ValueError as error:
            raise ConfigError(f"governor: {error}") from None


@dataclass(frozen=True)
class SwapSettings:
    """What a new model has to pass: see `edgecore.pipeline.SelfTest` and `Trial`.

    Attributes:
        self_test: a video or a folder of pictures; None: it has to run at all.
    """

    self_test: str | None = None
    frames: Annotated[int, Range(1, 1e6)] = 100
    max_latency_ms: Annotated[float | None, Range(1e-3, 1e6)] = None
    max_slowdown: Annotated[float | None, Range(1e-3, 1e6)] = 2.0
    max_errors: Annotated[int, Range(0, 1e6)] = 0

    def make(self) -> tuple[SelfTest | None, Trial]:
        """Both of them.

        Raises:
            ConfigError: what is declared makes no sense together.
        """
        try:
            trial = Trial(self.frames, self.max_latency_ms, self.max_slowdown, self.max_errors)
        except ValueError as error:
            raise ConfigError(f"swap: {error}") from None
        return SelfTest(self.self_test) if self.self_test is not None else None, trial


@dataclass(frozen=True)
class OutputSettings:
    """What is left behind beside events and summary.

    Attributes:
        annotate: `video`, `pictures`, `none`; `auto` is pictures for pictures, else video.
    """

    annotate: Annotated[str, OneOf(("auto", "video", "pictures", "none"))] = "auto"


@dataclass(frozen=True)
class FlightSettings:
    """What the flight recorder keeps: see `edgecore.flight.FlightRecorder`.

    Attributes:
        enabled: whether there is one.
        before_s: seconds kept from before a trigger.
        after_s: seconds waited for after it.
        memory_mib: so much is held at most, whatever the seconds.
        files: the oldest flights beyond so many are removed.
        pictures_per_s: small pictures for people beside the detections; 0 is none.
        lossless_per_s: frames kept with every pixel, for a replay of a live source; 0 is none.
    """

    enabled: bool = True
    before_s: Annotated[float, Range(1, 600)] = 10.0
    after_s: Annotated[float, Range(0, 600)] = 5.0
    memory_mib: Annotated[float, Range(1, 1024)] = 16.0
    files: Annotated[int, Range(1, 10000)] = 20
    pictures_per_s: Annotated[float, Range(0, 60)] = 2.0
    lossless_per_s: Annotated[float, Range(0, 240)] = 0.0

    @property
    def link_bytes(self) -> int:
        """The part of the memory for the link: an eighth."""
        return round(self.memory_mib * (1 << 17)) if self.enabled else 0

    @property
    def lossless_bytes(self) -> int:
        """The part for frames with every pixel: half, where there are any."""
        return round(self.memory_mib * (1 << 19)) if self.lossless_per_s else 0

    @property
    def log_bytes(self) -> int:
        """What is left for everything else."""
        return round(self.memory_mib * (1 << 20)) - self.link_bytes - self.lossless_bytes


@dataclass(frozen=True)
class AgentConfig:
    """Everything `edgecore run` can be told.

    Attributes:
        source: as `edgecore.sources.open` takes it.
        model: a model file; None is the embedded road model.
        link: as `firmware_bridge.connect` takes it; `none` runs without firmware.
        key_file: holds the link's key, mode 0600; with one, only a device that has it is spoken to.
        out: the folder of the results; None makes a new one under `runs/`.
        duration_s: end after so long; 0 is when the source ends.
        rules: a file of rules, which take the place of the collision rule.
    """

    source: str = "synthetic:"
    model: str | None = None
    link: str = "sim:"
    key_file: str | None = None
    out: str | None = None
    duration_s: Annotated[float, Range(0, 1e7)] = 0.0
    rules: str | None = None
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    collision: CollisionSettings = field(default_factory=CollisionSettings)
    alert: AlertSettings = field(default_factory=AlertSettings)
    governor: GovernorSettings = field(default_factory=GovernorSettings)
    swap: SwapSettings = field(default_factory=SwapSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    flight: FlightSettings = field(default_factory=FlightSettings)

    def rule_set(self) -> RuleSet:
        """The rules of the file, or the collision rule alone.

        Raises:
            ConfigError: as `edgecore.rules.load_rules`.
        """
        if self.rules is not None:
            return load_rules(Path(self.rules))
        request = AlertRequest(FORWARD_COLLISION, self.alert.level, self.alert.duration_ms)
        return RuleSet({"collision": CollisionRule(self.collision, request)})


def load_config(path: Path | None, flags: Mapping[str, Any]) -> AgentConfig:
    """The configuration of a file with flags over it.

    Args:
        path: a TOML file, None for defaults.
        flags: keys such as `source` or `detector.engine`; a value of None was not given.

    Raises:
        ConfigError: file not there or not TOML; or a key that is unknown or does not fit, named.
    """
    table: dict[str, Any] = {}
    if path is not None:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(f"{path}: no such configuration file") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read: {error}") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: not valid TOML: {error}") from None
        read_table(AgentConfig, table, where=f"{path}: ")
    return read_table(AgentConfig, _merged(table, flags))


def _merged(table: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(table)
    for dotted, value in flags.items():
        if value is None:
            continue
        group, _, name = dotted.rpartition(".")
        if group:
            merged[group] = {**merged.get(group, {}), name: value}
        else:
            merged[name] = value
    return merged
