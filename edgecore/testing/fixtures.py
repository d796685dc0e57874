"""What tests ask for by name."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgecore.testing.options import seed
from edgecore.testing.reporting import FAILED
from edgecore.testing.session import device

if TYPE_CHECKING:
    import firmware_bridge as fb
    from edgecore.testing.agent import AgentProcess
    from edgecore.testing.camera import Camera
    from edgecore.testing.clock import DeviceClock
    from edgecore.testing.dut import Dut
    from edgecore.testing.latency import LatencyLab
    from firmware_bridge.testing.faults import Faults


@pytest.fixture
def edge_dut(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Dut]:
    """The device under test: on, plugged in, its line clean.

    One device serves the whole run; after a test that failed it is reset. What was done to its line
    is in line.jsonl in the test's folder.
    """
    dut = device(request.config)
    # A test by itself has the line that it has among others.
    own = zlib.crc32(request.node.nodeid.encode())
    dut.begin(tmp_path / "line.jsonl", seed(request.config) ^ own)
    yield dut
    dut.end(failed=request.node.stash.get(FAILED, False))


@pytest.fixture
def edge_link(edge_dut: Dut) -> Iterator[fb.Link]:
    """An open link to the device; closed after the test."""
    with edge_dut.connect() as link:
        yield link


@pytest.fixture
def edge_faults(request: pytest.FixtureRequest) -> Faults:
    """What can be done to the device's line; the test is skipped where no fault bridge is in it."""
    dut = device(request.config)
    if "faults" not in dut.capabilities:
        pytest.skip(f"{dut.name} lacks faults: there is no fault bridge in its line")
    begun: Dut = request.getfixturevalue("edge_dut")
    return begun.faults


@pytest.fixture
def edge_clock(edge_dut: Dut, edge_link: fb.Link) -> DeviceClock:
    """The device's clock against the host's."""
    from edgecore.testing.clock import DeviceClock

    return DeviceClock(edge_dut, edge_link)


@pytest.fixture
def edge_camera(edge_dut: Dut, tmp_path: Path) -> Iterator[Camera]:
    """A camera whose pictures the test chooses, and which knows what is truly in them."""
    from edgecore.testing.camera import Camera

    camera = Camera(tmp_path / "camera", edge_dut)
    yield camera
    camera.close()


@pytest.fixture
def edge_agent(edge_dut: Dut, tmp_path: Path) -> Iterator[AgentProcess]:
    """The agent, `edgecore run`, as a process of its own; not started yet, ended after the test."""
    from edgecore.testing.agent import AgentProcess

    agent = AgentProcess(edge_dut, tmp_path / "agent")
    yield agent
    agent.kill()


@pytest.fixture
def edge_latency(request: pytest.FixtureRequest) -> Iterator[LatencyLab]:
    """Measures how long each leg of the way takes; figures stand in the reports, none is judged."""
    from edgecore.testing.latency import LatencyLab

    lab = LatencyLab()
    yield lab
    told = lab.properties()
    names = {name for name, _ in told}  # it may have been tried before
    kept = [each for each in request.node.user_properties if each[0] not in names]
    request.node.user_properties[:] = [*kept, *told]


@pytest.fixture
def edge_soak_s(request: pytest.FixtureRequest) -> float:
    """How long a test marked edge_soak is to run, s."""
    seconds: float | None = request.config.getoption("--edge-soak")
    if seconds is None:
        pytest.skip("edge_soak_s: runs with --edge-soak SECONDS only")
    return seconds
