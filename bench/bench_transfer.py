"""Goodput of a transfer: bytes of an image stored, over what the line carries or the wall's clock.

The lines are in virtual time, with the reference firmware and bit errors both ways, over eight
seeds: their figures are the same on every machine. The pty is real, with the firmware in a process
of its own, and its figure counts everything from the call to the verified image.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import firmware_bridge as fb
from firmware_bridge.testing import Flash
from tests.link.author import Author
from tests.link.updating import DONE, Bench, manifest_of, verify

IMAGE = random.Random(1).randbytes(500_000)
SECONDS = 30
SEEDS = 8


@pytest.mark.parametrize("bit_error", [0.0, 1e-5, 1e-4], ids=["clean", "1e-5", "1e-4"])
@pytest.mark.parametrize("baud", [115_200, 921_600, 3_000_000])
def test_line(benchmark: Any, capsys: Any, baud: int, bit_error: float) -> None:
    benchmark.group = "goodput of a line in virtual time"
    image = IMAGE[: baud // 10 * SECONDS]
    elapsed_s = []

    def transfer(seed: int) -> None:
        flash = Flash(verify=verify, sectors=258)
        host = Bench(flash, tick_us=200, bytes_per_s=baud // 10, bit_error=bit_error, seed=seed)
        host.connect()
        sender = host.offer(image, manifest_of(image, 1))
        host.run_until(lambda: sender.answered)
        started_us = host.now_us
        host.run_until(lambda: sender.stored == len(image), limit_s=10 * SECONDS)
        elapsed_s.append((host.now_us - started_us) / 1e6)
        host.run_until(lambda: sender.over)
        assert sender.status == DONE
        assert image in flash.content

    seeds = iter(range(SEEDS))
    benchmark.pedantic(transfer, setup=lambda: ((next(seeds),), {}), rounds=SEEDS)
    percent = 100 * SEEDS * len(image) / sum(elapsed_s) / (baud / 10)
    benchmark.extra_info["percent_of_line"] = percent
    with capsys.disabled():
        print(f"\n{baud} baud, bit errors {bit_error:g}: {percent:.1f} % of the line")


def test_pty(benchmark: Any, capsys: Any, tmp_path: Path) -> None:
    benchmark.group = "a transfer over a pty"
    author = Author(tmp_path)
    path = author.image(1, IMAGE)
    tty = tmp_path / "tty"

    def transfer() -> None:
        author.flash.unlink(missing_ok=True)
        device = author.device("--pty-link", str(tty))
        with device, fb.connect(f"serial://{tty}?baud=4000000") as link:
            done = link.transfer("firmware", path)
        assert done.resumed_from == 0
        rates.append(len(IMAGE) / done.elapsed_ns * 1e3)

    rates: list[float] = []
    benchmark.pedantic(transfer, rounds=5)
    benchmark.extra_info["megabytes_per_s"] = sorted(rates)[len(rates) // 2]
    with capsys.disabled():
        print(f"\nover a pty: {sorted(rates)[len(rates) // 2]:.1f} MB/s, verified, median of 5")
