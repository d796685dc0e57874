"""Harsh braking, acceleration and cornering, told from the vehicle's accelerometer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from edgecore.checked import OneOf, Range
from edgecore.errors import ConfigError
from edgecore.rules.hysteresis import Change, Hysteresis
from edgecore.rules.moment import AlertRequest, Event, Moment
from edgecore.state import Restorable, number, rows, table, truth, whole

HARSH_DRIVING = 3
AXES = ("x", "-x", "y", "-y", "z", "-z")
LONGEST_GAP_S = 1.0


@dataclass(frozen=True)
class DrivingSettings:
    """How much is harsh, metres a second squared.

    Attributes:
        braking, acceleration, cornering: from so much on.
        release: a manoeuvre ends below this part of it.
        on_s: for so long; shorter ones are bumps.
        off_s: and for so long.
        smoothing_s: time constant of the low-pass filter before all this; 0 is none.
        forward: the sensor's axis that points ahead,
        left: and the one that points to the left.
    """

    braking: Annotated[float, Range(0.5, 50)] = 3.5
    acceleration: Annotated[float, Range(0.5, 50)] = 3.5
    cornering: Annotated[float, Range(0.5, 50)] = 3.5
    release: Annotated[float, Range(0, 1)] = 0.7
    on_s: Annotated[float, Range(0, 60)] = 0.3
    off_s: Annotated[float, Range(0, 60)] = 0.5
    smoothing_s: Annotated[float, Range(0, 10)] = 0.1
    forward: Annotated[str, OneOf(AXES)] = "x"
    left: Annotated[str, OneOf(AXES)] = "y"

    def __post_init__(self) -> None:
        if self.forward[-1] == self.left[-1]:
            raise ConfigError(
                f"left: expected another axis than forward ({self.forward}), got {self.left!r}"
            )


class _Manoeuvre:
    """One kind of harsh driving: from beginning to end, and its strongest moment."""

    def __init__(self, name: str, threshold: float, settings: DrivingSettings) -> None:
        self.name = name
        self.peak = 0.0
        self.hysteresis = Hysteresis(settings.on_s, settings.off_s)
        self._harsh, self._still = threshold, threshold * settings.release
        self._on = False

    def update(self, t_ns: int, strength: float) -> Change | None:
        change = self.hysteresis.update(
            t_ns, strength >= (self._still if self._on else self._harsh)
        )
        if change is not None:
            self._on = change is Change.BEGAN
        if change is Change.BEGAN:
            self.peak = 0.0
        self.peak = max(self.peak, strength)
        return change

    def state_values(self) -> list[Any]:
        return [self.peak, self._on, self.hysteresis.state_values()]

    def restore(self, state: list[Any]) -> None:
        self.peak, self._on = number(state[0]), truth(state[1])
        self.hysteresis.restore(state[2])


class DrivingRule(Restorable):
    """Events `harsh_braking`, `harsh_acceleration`, `harsh_cornering`, and each with `_ended`.

    From `imu` records: every one counts, whatever the frame rate; times are the records' own, in
    host time, and the frame is the one that was judged next. Facts: `mps2` where it begins;
    `peak_mps2` and `lasted_s` where it ends. The ground is taken for level.
    """

    def __init__(
        self, settings: DrivingSettings | None = None, alert: AlertRequest | None = None
    ) -> None:
        chosen = self.settings = settings or DrivingSettings()
        self.alert = alert
        self._smooth: NDArray[np.float64] | None = None
        self._newest_ns = 0
        self._kinds = (
            _Manoeuvre("harsh_braking", chosen.braking, chosen),
            _Manoeuvre("harsh_acceleration", chosen.acceleration, chosen),
            _Manoeuvre("harsh_cornering", chosen.cornering, chosen),
        )

    def judge(self, moment: Moment) -> Iterator[Event]:
        """What began or ended in the records that came since the frame before."""
        records = moment.records.get("imu")
        if records is None:
            return
        ahead = axis(records, self.settings.forward)
        left = axis(records, self.settings.left)
        for t_ns, values in zip(
            records["t_ns"].tolist(), np.stack([ahead, left], axis=1), strict=True
        ):
            if t_ns <= self._newest_ns or not np.isfinite(values).all():
                continue
            along, across = self._smoothed(t_ns, values).tolist()
            for kind, strength in zip(self._kinds, (-along, along, abs(across)), strict=True):
                change = kind.update(t_ns, strength)
                if change is not None:
                    yield self._event(moment, t_ns, kind, change, strength)

    def state(self) -> dict[str, Any]:
        """What it goes on from, as plain values."""
        return {
            "newest_ns": self._newest_ns,
            "smooth": None if self._smooth is None else self._smooth.tolist(),
            "manoeuvres": [kind.state_values() for kind in self._kinds],
        }

    def restore(self, state: Any) -> None:
        """Go on from the `state` of a rule with the same settings; ValueError if it is none."""
        newest_ns, smooth, manoeuvres = table(state, "newest_ns", "smooth", "manoeuvres")
        if len(rows(manoeuvres, 3)) != len(self._kinds):
            raise ValueError(
                f"state: expected {len(self._kinds)} manoeuvres, got {manoeuvres!r:.80}"
            )
        if smooth is not None:
            ((ahead, left),) = rows([smooth], 2)
            smooth = np.array([number(ahead), number(left)])
        for kind, one in zip(self._kinds, manoeuvres, strict=True):
            kind.restore(one)
        self._newest_ns, self._smooth = whole(newest_ns), smooth

    def _smoothed(self, t_ns: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
        dt_s = (t_ns - self._newest_ns) / 1e9
        self._newest_ns = t_ns
        if self._smooth is None or dt_s > LONGEST_GAP_S:
            self._smooth = values
        else:
            self._smooth = self._smooth + (values - self._smooth) * (
                dt_s / (dt_s + self.settings.smoothing_s)
            )
        return self._smooth

    def _event(
        self, moment: Moment, t_ns: int, kind: _Manoeuvre, change: Change, strength: float
    ) -> Event:
        if change is Change.BEGAN:
            facts: dict[str, Any] = {"mps2": round(strength, 3)}
            return Event(kind.name, moment.frame, t_ns, (), facts, self.alert)
        lasted_s = round(kind.hysteresis.lasted_s, 3)
        facts = {"peak_mps2": round(kind.peak, 3), "lasted_s": lasted_s}
        return Event(f"{kind.name}_ended", moment.frame, t_ns, (), facts)


def axis(records: NDArray[np.void], name: str) -> NDArray[np.float64]:
    """One axis of the accelerometer, `-` turned round."""
    values = records[f"accel_{name[-1]}"].astype(np.float64)
    return -values if name.startswith("-") else values
