"""What `edgecore bench --mlperf-tiny` does: a device on the line is measured, not this one."""

from __future__ import annotations

import json as notation
from pathlib import Path
from typing import TYPE_CHECKING

from edgecore.errors import ConfigError

from .keeping import Output, keeping
from .progress import progress_bar

if TYPE_CHECKING:
    from edgecore.benchmark.mlperf_tiny import Accuracy
    from edgecore.benchmark.tiny_device import Inference, TinyDevice


def measure_device(
    url: str, dataset: Path | None, window_s: float | None, json: Path | None
) -> None:
    """Print latency, and accuracy where there is a dataset, and keep them in a file.

    Of a run that fails, or is interrupted, the windows before that.

    Raises:
        ConfigError: no such URL, or no inputs for the device's model.
        DeviceError, BridgeError: the device cannot be reached, or does not answer as it should.
    """
    from edgecore.benchmark import mlperf_tiny as tiny
    from edgecore.benchmark.tiny_device import TinyDevice

    window_s = tiny.WINDOW_S if window_s is None else window_s
    try:
        opened = TinyDevice(url)
    except ValueError as error:
        raise ConfigError(f"--mlperf-tiny: {error}") from error
    windows: list[Inference] = []
    judged: Accuracy | None = None
    try:
        with opened as device, progress_bar() as progress:
            samples = tiny.read_samples(dataset, device.model) if dataset is not None else []
            inputs = [sample.path.read_bytes() for sample in samples[: tiny.WINDOWS]]
            bar = progress.add_task("latency", total=tiny.WINDOWS + len(samples))
            for window in tiny.performance(
                device, inputs or tiny.made_up_inputs(device.model), window_s=window_s
            ):
                windows.append(window)
                progress.advance(bar)
                if samples:
                    tiny.check_scores(device, window.results, samples[0])
            progress.update(bar, description="accuracy")
            if samples:
                judged = tiny.accuracy(device, samples, lambda: progress.advance(bar))
    finally:  # what was measured before something failed took its time
        if windows:
            _tell(opened, windows, judged, json)


def _tell(
    device: TinyDevice, windows: list[Inference], judged: Accuracy | None, json: Path | None
) -> None:
    from edgecore.benchmark.mlperf_tiny import document

    text = notation.dumps(document(device, windows, judged), indent=1) + "\n"
    with keeping([] if json is None else [Output("--json", json, "results", text.encode)]):
        _print(device, windows, judged)


def _print(device: TinyDevice, windows: list[Inference], judged: Accuracy | None) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from edgecore.benchmark.mlperf_tiny import WINDOWS, by_the_rules, median_us

    console = Console()
    console.print(f"{device.vendor}, model {device.model}", highlight=False, markup=False)
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("window", "inferences", "seconds", "us each", "per second"):
        table.add_column(column, justify="right")
    for number, window in enumerate(windows, 1):
        each_us = window.elapsed_us / window.iterations
        table.add_row(
            str(number),
            str(window.iterations),
            f"{window.elapsed_us / 1e6:.3f}",
            f"{each_us:.2f}",
            f"{1e6 / each_us:.1f}",
        )
    middle_us = median_us(windows)
    table.add_row("median", "", "", f"{middle_us:.2f}", f"{1e6 / middle_us:.1f}")
    console.print(table)
    if len(windows) < WINDOWS:
        said = f"not by the benchmark's rules: {len(windows)} of {WINDOWS} windows"
        console.print(said, highlight=False)
    elif not by_the_rules(windows):
        console.print("not by the benchmark's rules: windows are shorter than 10 s")
    if judged is not None:
        share = judged.correct / judged.samples
        console.print(f"top-1: {judged.correct} of {judged.samples}, {share:.1%}", highlight=False)
