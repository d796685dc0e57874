"""The plugin as a stranger meets it: an empty folder, a few lines, and what goes wrong there."""

from __future__ import annotations

import contextlib
import math
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import firmware_bridge as fb
from edgecore.testing import RigError
from edgecore.testing.camera import Camera
from edgecore.testing.dut import Dut
from firmware_bridge.testing.targets import Target, TargetError
from tests.hil.strangers import ROOT, THREE_LINES, run, write
from tests.link.pty_firmware import firmware
from tests.link.targets import MACHINES, need_qemu


def outcome(said: str) -> str:
    """The last line without its time."""
    return re.sub(r" in [\d.]+s.*", "", said.splitlines()[-1]).strip("= ")


def test_three_lines_pass_on_sim(tmp_path: Path) -> None:
    write(tmp_path, test_alert=THREE_LINES)
    done = run(tmp_path, "--edge-target", "sim")
    assert outcome(done.stdout) == "1 passed", done.stdout
    assert "edgecore: --edge-target sim --edge-seed" in done.stdout


def test_header_repeats_the_run_in_a_shell(tmp_path: Path) -> None:
    write(tmp_path, test_nothing="def test_nothing(): pass")
    target = "sim:?seed=7&flash=a board.flash"
    done = run(tmp_path, "--edge-target", target, "--edge-seed", "3")
    header = re.search(r"^edgecore: (.*)$", done.stdout, re.M)
    assert header is not None, done.stdout
    assert shlex.split(header[1]) == ["--edge-target", target, "--edge-seed", "3"]


def test_folder_of_a_test_may_go_before_the_device_does(tmp_path: Path) -> None:
    write(tmp_path, test_alert=THREE_LINES, test_again=THREE_LINES)
    done = run(tmp_path, "--edge-target", "sim", "-o", "tmp_path_retention_policy=failed")
    assert outcome(done.stdout) == "2 passed", done.stdout


@pytest.mark.parametrize("machine", MACHINES)
def test_the_same_lines_pass_on_a_machine(tmp_path: Path, machine: str) -> None:
    need_qemu()
    write(tmp_path, test_alert=THREE_LINES)
    done = run(tmp_path, EDGE_TARGET=f"qemu:{machine}")
    assert outcome(done.stdout) == "1 passed", done.stdout
    assert f"edgecore: --edge-target qemu:{machine}" in done.stdout


def test_the_same_lines_pass_at_a_serial_port(tmp_path: Path) -> None:
    write(tmp_path, test_alert=THREE_LINES)
    with firmware() as port:
        done = run(tmp_path, "--edge-target", port)
    assert outcome(done.stdout) == "1 passed", done.stdout


def test_the_same_lines_pass_on_a_recording(tmp_path: Path) -> None:
    write(tmp_path, test_alert=THREE_LINES)
    write(
        tmp_path,
        record="""
            import firmware_bridge as fb
            from firmware_bridge.doors import Door
            from firmware_bridge.recording import Recorder
            from firmware_bridge.relay import Relay

            with fb.connect("sim:") as link:
                schema = link.schema
            with Recorder("drive.pcapng", url="sim:", device={}) as recorder, Door() as door:
                recorder.table(schema)
                with Relay("sim:", door, recorder.add) as relay, fb.connect(relay.url) as link:
                    link.request(fb.Alert(kind=1, level=2), timeout=10)
        """,
    )
    subprocess.run(
        [sys.executable, "record.py"], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True
    )
    done = run(tmp_path, "--edge-target", "replay:drive.pcapng")
    assert outcome(done.stdout) == "1 passed", done.stdout


def test_the_same_lines_pass_on_a_flight(tmp_path: Path) -> None:
    write(tmp_path, test_alert=THREE_LINES)
    write(
        tmp_path,
        record="""
            from pathlib import Path

            import firmware_bridge as fb
            from edgecore.flight import FlightRecorder

            with fb.connect("sim:", trace_bytes=1 << 20) as link:
                link.request(fb.Alert(kind=1, level=2), timeout=10)
                told = lambda *_, **__: None
                flight = FlightRecorder(Path("flights"), {}, told, link=link.recorded)
                flight.trigger("test")
                flight.close()
        """,
    )
    subprocess.run(
        [sys.executable, "record.py"], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True
    )
    done = run(tmp_path, "--edge-target", "replay:flights/flight-000001-test.zip")
    assert outcome(done.stdout) == "1 passed", done.stdout


def test_plugin_is_found_where_it_is_installed(tmp_path: Path) -> None:
    """As it would be by its entry point, and once, though it is also named."""
    installed = tmp_path / "site"
    info = installed / "edgecore_rig-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: edgecore-rig\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[pytest11]\nedgecore.testing = edgecore.testing\n")
    write(tmp_path, test_alert=THREE_LINES)
    for named in (False, True):
        done = run(tmp_path, path=(installed,), plugin=named)
        assert outcome(done.stdout) == "1 passed", done.stdout


def test_plugin_loads_nothing_before_a_fixture_asks(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_light="""
            import sys

            def test_nothing_is_loaded():
                heavy = {"numpy", "firmware_bridge", "serial", "av", "PIL"}
                assert heavy & set(sys.modules) == set()
                assert sum(name.startswith("edgecore.") for name in sys.modules) < 12
        """,
    )
    done = run(tmp_path)
    assert outcome(done.stdout) == "1 passed", done.stdout


RIG_TESTS = """
    import pytest
    from edgecore.testing import RigError

    def test_that_needs_the_device(edge_link):
        pass

    def test_of_something_else():
        assert True

    def test_that_fails():
        assert False
"""


def test_missing_device_is_an_error_of_the_rig_and_no_failure(tmp_path: Path) -> None:
    write(tmp_path, test_rig=RIG_TESTS)
    done = run(tmp_path, "--edge-target", "/dev/ttyNOWHERE", "--junitxml=report.xml")
    assert outcome(done.stdout) == "1 failed, 1 passed, 1 error", done.stdout
    assert re.search(r"^ERROR .* - rig: .*ttyNOWHERE: .*No such file", done.stdout, re.M)
    assert "def open" not in done.stdout  # of our own code
    suite = ElementTree.parse(tmp_path / "report.xml").getroot()[0]
    assert (suite.get("errors"), suite.get("failures")) == ("1", "1")


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("qemu:vax", r"rig: qemu:vax: qemu: expected a machine of .*, got 'vax'"),
        (
            "qemu:?speed=3",
            r"rig: qemu:\?speed=3: expected options of image, .*; got speed",
        ),
        ("rig:none.toml", r"rig: rig:none.toml: .*No such file"),
        ("rig:bad.toml", r"rig: rig:bad.toml: bad.toml: expected keys of port, .*, got 'prot'"),
        ("replay:bad.toml", r"rig: replay:bad.toml: bad.toml: no recording"),
        ("sim:?speed=3", r"rig: sim:\?speed=3: no link: .*the process ended with 2: .*--speed"),
        ("sim:seed=3", r"rig: sim:seed=3: expected sim or sim:\?OPTION=VALUE, got 'seed=3'"),
        ("rgi:bench.toml", r"rig: rgi:bench.toml: expected sim, qemu, rig:FILE, .* serial:, unix:"),
        ("rgi://bench.toml", r"rig: rgi://bench.toml: expected sim, qemu, rig:FILE, replay:FILE"),
        ("smi", r"rig: smi: expected sim, qemu, rig:FILE, replay:FILE, .*a path or a URL"),
        ("rig", "rig: rig: expected rig:FILE"),
        ("replay:", "rig: replay:: expected replay:FILE"),
    ],
)
def test_target_that_makes_no_sense_is_an_error_of_the_rig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text('prot = "/dev/ttyACM0"\n')
    with pytest.raises(RigError, match=text), contextlib.closing(Dut(target)) as dut:
        dut.connect()


def test_device_that_does_not_answer_is_told_once_and_by_its_own_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edgecore.testing.dut.PATIENCE_S", (0.2, 0.3))
    with contextlib.closing(Dut("sim")) as dut:
        dut.freeze()
        with pytest.raises(RigError, match=r"rig: sim: no link: no answer .* within 0.3 s") as told:
            dut.connect()
    assert str(told.value).count("no answer from the firmware") == 1


def test_target_that_cannot_be_had_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Target):
        closed = False

        def start(self) -> None:
            raise TargetError("no power")

        def close(self) -> None:
            self.closed = True

    broken = Broken()
    monkeypatch.setattr("edgecore.testing.dut.open_target", lambda spec: broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(RigError, match="no power"):
        Dut("broken")
    assert broken.closed
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seconds", [-1.0, math.nan, 1e10])
def test_clock_of_a_simulated_device_goes_ahead_only(seconds: float) -> None:
    with contextlib.closing(Dut("sim")) as dut:
        with pytest.raises(
            ValueError, match=rf"step: expected 0 to 1e\+09 s, got {re.escape(f'{seconds:g}')}$"
        ):
            dut.step(seconds)
        dut.power(False)
        with pytest.raises(RigError, match="rig: sim: step: expected power on, it is off"):
            dut.step(1.0)


@pytest.mark.parametrize(
    "picture", [np.zeros((64, 64, 3), np.float32), np.zeros((64, 64), np.uint8)]
)
def test_pictures_of_another_kind_are_refused(edge_camera: Camera, picture: Any) -> None:
    with pytest.raises(ValueError, match=r"picture 0: expected uint8 \(h, w, 3\), got "):
        edge_camera.pictures([picture])


def test_rig_that_fails_in_a_test_is_an_error_too(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_rig="""
            def test_flash(edge_dut):
                edge_dut.flash("firmware.bin")
        """,
    )
    done = run(tmp_path, "--junitxml=report.xml")
    assert outcome(done.stdout) == "1 error", done.stdout
    assert "rig: sim: this rig cannot flash it; it has freeze, logs, power" in done.stdout
    assert '>       edge_dut.flash("firmware.bin")' in done.stdout  # the test's own line, the last
    assert re.search(r"^ERROR .* - rig: sim: this rig cannot flash it", done.stdout, re.M)
    assert "raise" not in done.stdout
    whole = run(tmp_path, "--full-trace").stdout
    assert "raise RigError" in whole


def test_rig_that_fails_is_an_error_where_the_device_is_expected_to_fail(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_rig="""
            import pytest

            @pytest.mark.xfail(reason="a known mistake of the device")
            def test_flash(edge_dut):
                edge_dut.flash("firmware.bin")

            @pytest.mark.xfail(reason="a known mistake of the device")
            def test_device(edge_dut):
                assert edge_dut.heard("status") == "something else"
        """,
    )
    done = run(tmp_path)
    assert outcome(done.stdout) == "1 xfailed, 1 error", done.stdout
    assert "rig: sim: this rig cannot flash it" in done.stdout


def test_message_that_is_misspelt_was_not_merely_unheard(edge_dut: Dut) -> None:
    with pytest.raises(ValueError, match=r"expected a message of Alert, .*, got 'Statsu'"):
        edge_dut.heard("Statsu")
    with pytest.raises(ValueError, match=r"expected a message of Alert, .*, got 'Statsu'"):
        edge_dut.wait_for("Statsu", timeout=0.1)


def test_failure_tells_of_the_line_and_the_device(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_failure="""
            import firmware_bridge as fb

            def test_it(edge_dut, edge_link, edge_faults):
                edge_faults.drop()
                edge_link.request(fb.Alert(kind=1, level=3, duration_ms=500), timeout=10)
                edge_dut.wait_for("status", lambda said: said["alert_level"] == 3)
                assert edge_link.info.name == "something else"
        """,
    )
    done = run(tmp_path)
    assert outcome(done.stdout) == "1 failed", done.stdout
    assert re.search(r"^--edge-target sim --edge-seed \d+$", done.stdout, re.M)
    assert re.search(r"host -> device REQUEST +Alert .* level=3", done.stdout)
    assert re.search(r"'fault': 'hit'.*'bytes_dropped'", done.stdout)
    assert re.search(r'"event": "alert", .*"level": 3', done.stdout)


def test_failure_tells_of_the_line_before_the_device_fell_silent(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_silent="""
            import firmware_bridge as fb

            def test_it(edge_dut, edge_link):
                edge_link.request(fb.Alert(kind=1, level=3, duration_ms=100), timeout=10)
                with edge_dut.frozen():
                    edge_link.request(fb.Alert(kind=2, level=1, duration_ms=100), timeout=4)
        """,
    )
    done = run(tmp_path)
    assert outcome(done.stdout) == "1 failed", done.stdout
    assert re.search(r"device -> host RESULT +Alert", done.stdout)
    assert re.search(r"host -> device REQUEST +Alert .* kind=2", done.stdout)


def test_what_passed_is_known_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_bridge.testing.wire.KEPT", 20)
    with contextlib.closing(Dut("sim")) as dut, dut.connect() as link:
        for _ in range(30):
            link.request(fb.Alert(kind=1, level=1, duration_ms=10), timeout=10)
        for ask in (lambda: dut.heard("Alert"), lambda: dut.traffic):
            with pytest.raises(RigError, match=r"rig: sim: expected at most .* no longer known"):
                ask()
        dut.begin(None, 0)
        assert dut.heard("Alert") == []


def test_failure_tells_of_the_agent(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_agent="""
            def test_it(edge_agent, edge_camera):
                edge_agent.start(edge_camera.road(start_s=0.0, duration_s=0.1))
                edge_agent.wait_for("run_ended", timeout=100)
                assert False
        """,
    )
    said = run(tmp_path, "--edge-target", "sim").stdout
    assert "edgecore agent, its last events" in said
    assert '"event": "run_ended"' in said
    assert "edgecore agent, its output" in said
    assert "2 frames in" in said


def test_markers_skip_with_a_reason_and_requirements_are_reported(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_markers="""
            import pytest

            @pytest.mark.edge_needs("power", "teleport")
            def test_teleport(edge_link):
                pass

            @pytest.mark.edge_slow
            def test_slow(edge_dut):
                pass

            @pytest.mark.edge_soak
            def test_soak(edge_soak_s):
                assert edge_soak_s == 0.5

            @pytest.mark.edge_req("REQ-7", "REQ-8")
            def test_requirement():
                pass
        """,
    )
    done = run(tmp_path, "--strict-markers", "--junitxml=report.xml")
    assert outcome(done.stdout) == "1 passed, 3 skipped", done.stdout
    has = "faults, freeze, logs, power, reset, stall, step, update, vehicle"
    assert f"sim lacks teleport; it has {has}" in done.stdout
    properties = ElementTree.parse(tmp_path / "report.xml").getroot().iter("property")
    assert [(p.get("name"), p.get("value")) for p in properties] == [
        ("requirement", "REQ-7"),
        ("requirement", "REQ-8"),
    ]
    done = run(tmp_path, "--edge-slow", "--edge-soak", "0.5")
    assert outcome(done.stdout) == "3 passed, 1 skipped", done.stdout


def test_device_is_as_it_should_be_after_a_test_that_left_it_otherwise(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_order="""
            import firmware_bridge as fb

            def test_off(edge_dut):
                edge_dut.stop()

            def test_frozen_and_unplugged(edge_dut, edge_faults):
                edge_faults.unplug()
                edge_faults.use("lossy")
                edge_dut.freeze()

            def test_fails(edge_link):
                boots.append(edge_link.info.boot_id)
                assert False

            def test_boots_anew_after_a_failure(edge_link):
                edge_link.request(fb.Alert(kind=1, level=1, duration_ms=10), timeout=10)
                assert edge_link.info.boot_id not in boots

            boots = []
        """,
    )
    done = run(tmp_path)
    assert outcome(done.stdout) == "1 failed, 3 passed", done.stdout


def test_seed_repeats_the_faults_of_a_test_by_itself(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_seed="""
            def test_other(edge_dut):
                pass

            def test_noise(edge_dut):
                print("noise", edge_dut._bridge._random.random())
        """,
    )

    def noise(*arguments: str) -> str:
        found = re.search(r"noise [\d.]+", run(tmp_path, *arguments).stdout)
        assert found is not None
        return found[0]

    alone = noise("--edge-seed", "5", "test_seed.py::test_noise")
    assert alone == noise("--edge-seed", "5")


def test_target_of_somebody_else(tmp_path: Path) -> None:
    """A package of theirs brings it, by an entry point."""
    site = tmp_path / "site"
    info = site / "acme-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[edgecore.targets]\nacme = acme_board:Board\n")
    write(
        site,
        acme_board="""
            from firmware_bridge.testing.targets.sim import SimTarget

            class Board(SimTarget):
                def __init__(self, spec):
                    super().__init__()
                    self.name = spec
                    self.capabilities |= {"turbo"}
        """,
    )
    write(
        tmp_path,
        test_board="""
            import pytest

            @pytest.mark.edge_needs("turbo")
            def test_board(edge_dut, edge_link):
                assert edge_dut.name == "acme:7"
        """,
    )
    done = run(tmp_path, "--edge-target", "acme:7", path=(site,))
    assert outcome(done.stdout) == "1 passed", done.stdout


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-3", "long"])
def test_soak_of_no_length_is_refused(tmp_path: Path, seconds: str) -> None:
    write(tmp_path, test_three=THREE_LINES)
    done = run(tmp_path, f"--edge-soak={seconds}")
    assert f"--edge-soak: expected seconds, more than 0, got {seconds!r}" in done.stdout
    assert done.returncode == 4
