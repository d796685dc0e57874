"""What one test leaves behind is not the next one's, and what is the rig's is not the device's."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest

import firmware_bridge as fb
from edgecore.testing import RigError
from edgecore.testing.agent import AgentProcess
from edgecore.testing.camera import Camera
from edgecore.testing.dut import Dut
from firmware_bridge.testing.targets import TargetError
from firmware_bridge.testing.targets.sim import SimTarget
from firmware_bridge.transport import Port
from tests.hil.strangers import THREE_LINES, run, write

PATIENCE_S = 30.0
ALERT = fb.Alert(kind=1, level=1, duration_ms=10)
ONE_HOST = r"sim: the line takes one host, and (a link|the agent) of this test holds it"


def test_link_that_a_test_left_open_is_closed_after_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_leaves="""
            kept = []

            def test_leaves_it_open(edge_dut):
                kept.append(edge_dut.connect())

            def test_fails_with_it(edge_dut):
                link = edge_dut.connect()
                assert link.state == "closed"
        """,
        test_later=THREE_LINES,
    )
    done = run(tmp_path)
    assert "assert 'open' == 'closed'" in done.stdout
    assert re.search(r"^=+ 1 failed, 2 passed", done.stdout, re.M), done.stdout


def test_second_host_is_refused_at_once(
    edge_dut: Dut, edge_agent: AgentProcess, edge_camera: Camera
) -> None:
    with edge_dut.connect():
        with pytest.raises(RuntimeError, match=ONE_HOST):
            edge_dut.connect()
        with pytest.raises(RuntimeError, match=ONE_HOST):
            edge_agent.start(edge_camera.road())
    edge_agent.start(edge_camera.road())
    with pytest.raises(RuntimeError, match=ONE_HOST):
        edge_dut.connect()
    edge_agent.kill()
    with edge_dut.connect() as link:
        link.request(ALERT, PATIENCE_S)


def test_device_that_ends_in_a_test_is_told_there_and_is_on_in_the_next(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_ends="""
            import os
            import signal

            import firmware_bridge as fb
            import pytest

            def kill(dut):
                os.kill(dut._target._process.pid, signal.SIGKILL)

            def test_passes(edge_dut, edge_link):
                kill(edge_dut)
                with pytest.raises(fb.BridgeTimeoutError):
                    edge_link.request(fb.Alert(kind=1, level=1), timeout=0.2)

            def test_fails(edge_dut, edge_link):
                kill(edge_dut)
                edge_link.request(fb.Alert(kind=1, level=1), timeout=0.2)
        """,
        test_later=THREE_LINES,
    )
    done = run(tmp_path)
    assert re.search(r"^=+ 1 failed, 2 passed, 1 error", done.stdout, re.M), done.stdout
    assert "rig: sim: the process ended with -9" in done.stdout
    told = done.stdout.partition("edgecore device now")[2]
    assert "the process ended with -9" in told


def test_log_of_a_failure_is_of_its_test_alone(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_log="""
            import time

            import firmware_bridge as fb

            def alert(dut, link, duration_ms):
                link.request(fb.Alert(kind=1, level=1, duration_ms=duration_ms), timeout=30)
                while f'"duration_ms": {duration_ms}' not in dut.logs:
                    time.sleep(0.01)

            def test_first(edge_dut, edge_link):
                alert(edge_dut, edge_link, 11)

            def test_second(edge_dut, edge_link):
                alert(edge_dut, edge_link, 22)
                assert 0
        """,
    )
    said = run(tmp_path).stdout.partition("edgecore device and rig")[2]
    assert '"duration_ms": 22' in said
    assert '"duration_ms": 11' not in said


class RelayCard(SimTarget):
    """A target of others, in which something goes wrong."""

    def reset(self) -> None:
        raise OSError(5, "relay card: Input/output error")


def test_whatever_a_target_raises_is_an_error_of_the_rig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgecore.testing.dut.open_target", RelayCard)
    with contextlib.closing(Dut("sim")) as dut:
        dut.begin(None, 0)
        with pytest.raises(
            RigError, match=r"OSError: .*relay card.* \(test_dut\.py:\d+\)$"
        ) as told:
            dut.reset()
        assert isinstance(told.value.__cause__, OSError)
        with pytest.raises(RigError, match="relay card"):
            dut.end(failed=True)


@pytest.mark.parametrize("error", [TargetError("no answer"), OSError(5, "Input/output error")])
def test_line_that_a_target_cannot_give_yet_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    errors = [error]

    class Shy(SimTarget):
        def open(self) -> Port:
            if errors:
                raise errors.pop()
            return super().open()

    monkeypatch.setattr("edgecore.testing.dut.open_target", Shy)
    with contextlib.closing(Dut("sim")) as dut, dut.connect() as link:
        link.request(ALERT, PATIENCE_S)
        assert not errors


def test_device_that_was_not_there_is_not_waited_for_as_long_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edgecore.testing.dut.PATIENCE_S", (0.1, 0.2))
    with contextlib.closing(Dut("sim")) as dut:
        dut.stop()
        with pytest.raises(RigError, match=r"sim: no link: sim: it is off; no .* within 0.2 s"):
            dut.connect()
        with pytest.raises(RigError, match=r"sim: no link: sim: it is off; no .* within 0.1 s"):
            dut.connect()


def test_setting_without_a_value_is_named(edge_agent: AgentProcess) -> None:
    with pytest.raises(ValueError, match=r"settings: alert\.deadline_s: expected .*, got None"):
        edge_agent.start("synthetic:", settings={"alert": {"deadline_s": None}})
    assert not edge_agent.running


def test_keyword_of_the_rigs_own_is_refused_by_name(edge_dut: Dut) -> None:
    with pytest.raises(TypeError, match="connect: expected no timeout"):
        edge_dut.connect(timeout=5)


def test_requirement_that_the_rig_kept_from_being_judged_did_not_fail(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_wanted="""
            import pytest
            from edgecore.testing import RigError

            @pytest.mark.edge_req("R-1")
            def test_rig():
                raise RigError("the hub is missing")

            @pytest.mark.edge_req("R-1", "R-2")
            def test_passes():
                pass

            @pytest.mark.edge_req("R-3")
            def test_rig_fails_besides(broken):
                assert 0

            @pytest.fixture
            def broken():
                yield
                raise RigError("the hub is missing")

            @pytest.fixture
            def ours():
                raise OSError("a fixture's own")

            @pytest.mark.edge_req("R-4")
            def test_fixture(ours):
                pass
        """,
    )
    (tmp_path / "wanted.txt").write_text("R-2: second\nR-1 first\n")
    run(tmp_path, "--edge-report=out", "--edge-requirements=wanted.txt")
    told = json.loads((tmp_path / "out/report.json").read_text())
    assert {row["id"]: row["verdict"] for row in told["requirements"]} == {
        "R-2": "shown",
        "R-1": "not shown",
        "R-3": "not shown",
        "R-4": "failed",
    }
    outcomes = {test["id"].partition("::")[2]: test["outcome"] for test in told["tests"]}
    assert outcomes["test_rig_fails_besides"] == "error"


@pytest.mark.parametrize("option", ["--edge-target=", "--edge-report=", "--edge-requirements="])
def test_empty_option_is_no_default(tmp_path: Path, option: str) -> None:
    write(tmp_path, test_three=THREE_LINES)
    done = run(tmp_path, option)
    assert done.returncode == 4
    assert f"{option[:-1]}: expected a text, got an empty one" in done.stdout


def test_empty_target_of_the_environment_is_no_default(tmp_path: Path) -> None:
    write(tmp_path, test_three=THREE_LINES)
    done = run(tmp_path, EDGE_TARGET="")
    assert done.returncode == 4
    assert "EDGE_TARGET: expected a target, or not to be set" in done.stdout
    assert run(tmp_path, "--edge-target=sim", EDGE_TARGET="").returncode == 0


@pytest.mark.parametrize(
    ("name", "value"), [("fps", 0), ("fps", -1), ("width", 63), ("height", 65)]
)
def test_road_that_cannot_be_is_refused_before_an_agent_sees_it(
    edge_camera: Camera, name: str, value: int
) -> None:
    with pytest.raises(ValueError, match=rf"{name}: expected p.*, got {value}"):
        edge_camera.road(**{name: value})  # type: ignore[arg-type]
