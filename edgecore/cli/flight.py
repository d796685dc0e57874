"""The flight recorder of a run, and what a replay has to know of the run."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgecore.agent import AgentConfig, EventLog
    from edgecore.agent.uplink import Uplink
    from edgecore.detector import Detector
    from edgecore.flight import FlightRecorder
    from edgecore.isolation import IsolatedDetector
    from edgecore.rules import RuleSet
    from edgecore.sources import Source


def open_flight(
    config: AgentConfig,
    source: Source,
    detector: Detector | IsolatedDetector,
    options: dict[str, Any],
    rules: RuleSet,
    uplink: Uplink | None,
    events: EventLog,
    folder: Path,
) -> FlightRecorder | None:
    """What keeps the last seconds, None where it is not wanted; `options` are the detector's."""
    from edgecore import model
    from edgecore.flight import FlightRecorder
    from edgecore.rules import rule_tables

    settings = config.flight
    if not settings.enabled:
        return None
    about = {
        "source": source.description,
        "url": absolute(config.source),
        "model": config.model or "embedded road model",
        "model_file": config.model and absolute(config.model),
        "model_sha256": sha256(Path(config.model) if config.model else model.embedded()),
        "detector": dataclasses.asdict(detector.info),
        "options": {**options, "labels": options["labels"] and absolute(options["labels"])},
        "tracker": dataclasses.asdict(config.tracker),
        "rules": rule_tables(rules),
    }
    return FlightRecorder(
        folder / "flights",
        about,
        events.write,
        before_s=settings.before_s,
        after_s=settings.after_s,
        memory_bytes=settings.log_bytes,
        files=settings.files,
        pictures_per_s=settings.pictures_per_s,
        lossless_per_s=settings.lossless_per_s,
        lossless_bytes=settings.lossless_bytes,
        link=uplink.recorded if uplink is not None else tuple,
    )


def absolute(name: str) -> str:
    """A path from wherever one stands; what is none, such as `synthetic:`, stays as it is."""
    path = Path(name)
    return str(path.absolute()) if path.exists() or (path.parent.is_dir() and "*" in name) else name


def sha256(path: Path) -> str:
    """Of a file's content, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
