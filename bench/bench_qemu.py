"""The reference firmware on emulated microcontrollers: power-on to an open link, and exchanges.

They are QEMU's times, not a chip's: its UARTs hand over byte by byte, whatever the baud rate.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import firmware_bridge as fb
from bench.conftest import Keep
from bench.firmware_clock import bounds_us
from bench.harness import Row
from firmware_bridge.testing.image import build
from firmware_bridge.testing.ports import machines

BOOT = "power-on to an open link"
BOUND = "bound of the clock's error under QEMU"
EXCHANGE = "one exchange with the firmware under QEMU"


@pytest.fixture(scope="module", params=sorted(machines()))
def machine(request: pytest.FixtureRequest) -> str:
    try:
        build(machines()[request.param])
    except fb.BridgeConnectionError as error:
        pytest.skip(str(error))
    return str(request.param)


@pytest.fixture(scope="module")
def link(machine: str) -> Iterator[fb.Link]:
    with fb.connect(f"qemu:{machine}") as link:
        yield link


def test_boot(benchmark: Any, machine: str) -> None:
    benchmark.group = BOOT
    benchmark.extra_info["implementation"] = machine
    benchmark(lambda: fb.connect(f"qemu:{machine}").close())


def test_ping(benchmark: Any, machine: str, link: fb.Link) -> None:
    benchmark.group = EXCHANGE
    benchmark.extra_info["implementation"] = f"{machine} ping"
    benchmark(link.ping, 32)


def test_request(benchmark: Any, machine: str, link: fb.Link) -> None:
    benchmark.group = EXCHANGE
    benchmark.extra_info["implementation"] = f"{machine} request"
    benchmark(link.request, fb.Alert(kind=1, level=1, duration_ms=10), timeout=5.0)


def test_bound_of_the_clock(benchmark: Any, machine: str, link: fb.Link, keep: Keep) -> None:
    found = benchmark.pedantic(bounds_us, args=(link,), rounds=1)
    p99 = round(float(np.percentile(found, 99)), 1)
    keep(Row(BOUND, machine, p99, rounds=len(found), role="edgecore", facts={"p99 us": p99}))
