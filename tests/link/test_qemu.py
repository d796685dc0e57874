"""`qemu:` from the host's side: images are built once, machines end when they should."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

import firmware_bridge as fb
from firmware_bridge.testing import image, ports
from firmware_bridge.testing.image import build
from firmware_bridge.testing.qemu import DEFAULT, Machine, machine_port
from tests.link.targets import MACHINES, PATIENCE_S, need_qemu

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def qemu() -> None:
    need_qemu()


def test_every_port_has_a_machine_or_is_the_hosts() -> None:
    assert set(ports.ports()) == {"host", "mps2", "lm3s6965"}
    assert set(ports.machines()) == {DEFAULT, "lm3s6965evb"}


def test_url_without_a_machine_means_the_default() -> None:
    assert machine_port("") is machine_port(DEFAULT)


@pytest.mark.parametrize("machine", MACHINES)
def test_url_opens_a_machine_and_closing_ends_it(machine: str, qemu: None) -> None:
    build(machine_port(machine))
    before = set(psutil.Process().children())
    with fb.connect(f"qemu:{machine}", timeout=PATIENCE_S) as link:
        children = set(psutil.Process().children()) - before
        assert "qemu-system-arm" in {child.name() for child in children}
        assert link.request(fb.Alert(kind=1, level=1, duration_ms=50), PATIENCE_S).payload == b""
    psutil.wait_procs(children, PATIENCE_S)
    assert not any(child.is_running() for child in children)


def test_two_machines_live_side_by_side_under_different_boots(qemu: None) -> None:
    with fb.connect("qemu:", PATIENCE_S) as one, fb.connect("qemu:", PATIENCE_S) as other:
        assert one.info.boot_id != other.info.boot_id


def test_counter_is_set_and_the_clock_follows(qemu: None) -> None:
    with Machine() as machine:
        machine.run()
        with fb.connect(machine.url, PATIENCE_S) as link, link.subscribe("status") as records:
            before_us = int(next(iter(records))["t_us"][-1])
            machine.step(50_000_000)
            # Those that were made before it may still be on their way.
            until = time.monotonic() + PATIENCE_S
            while (t_us := int(next(iter(records))["t_us"][-1])) < 50_000_000:
                assert time.monotonic() < until, f"the clock is at {t_us} us"
            assert t_us - before_us >= 50_000_000
        for us in (-1, 1 << 32):
            with pytest.raises(ValueError, match=rf"a step of 0 to 2\*\*32 - 1 us, got {us}"):
                machine.step(us)


def test_machine_without_a_counter_that_can_be_set_says_so(qemu: None) -> None:
    with (
        Machine("lm3s6965evb") as machine,
        pytest.raises(ValueError, match="lm3s6965evb has no counter that can be set"),
    ):
        machine.step(1)


def test_image_is_built_with_a_name_defined(tmp_path: Path, qemu: None) -> None:
    made = tmp_path / "made.elf"
    assert image.main([DEFAULT, str(made), "--define", 'EC_FIRMWARE_VERSION="9.8"']) == 0
    with Machine(image=made) as machine:
        machine.run()
        with fb.connect(machine.url, PATIENCE_S) as link:
            assert link.info.version == "9.8"


@pytest.mark.parametrize("url", ["qemu:pdp-11", "qemu:mps2-an386?icount=1"])
def test_url_that_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(
        ValueError,
        match=r"expected a machine of .*mps2-an386|expected flash, public_key; got icount",
    ):
        fb.connect(url)


@pytest.mark.parametrize("missing", image.PACKAGES)
def test_missing_program_is_named_with_its_package(
    missing: str, qemu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == missing else which(name))
    with pytest.raises(fb.BridgeConnectionError) as failed:
        fb.connect("qemu:")
    assert missing in str(failed.value)
    assert f"apt-get install {image.PACKAGES[missing]}" in str(failed.value)


def test_machine_that_qemu_refuses_is_an_error_with_its_words(qemu: None) -> None:
    with pytest.raises(fb.BridgeConnectionError, match="nonsense"):
        Machine(options=("-device", "nonsense"))
    with pytest.raises(fb.BridgeConnectionError, match="/nonexistent"):
        Machine(image=Path("/nonexistent"))


def test_unknown_command_to_the_monitor_is_an_error_with_its_words(qemu: None) -> None:
    with Machine() as machine, pytest.raises(fb.BridgeError, match="no-such-command"):
        machine.execute("no-such-command")


def test_threads_may_command_a_machine_at_once(qemu: None) -> None:
    with Machine("lm3s6965evb") as machine, ThreadPoolExecutor(8) as pool:
        asked = ["query-status", "query-version"] * 200
        answers = list(pool.map(machine.execute, asked))
    told = {"query-status": "running", "query-version": "qemu"}
    assert all(told[one] in answer for one, answer in zip(asked, answers, strict=True))


@pytest.fixture
def own_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the C sources that may be changed, and an empty cache."""
    copy = tmp_path / "csrc"
    for room in ("link", "firmware"):
        shutil.copytree(ROOT / "csrc" / room, copy / room)
    monkeypatch.setattr(image, "sources", lambda: copy)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return copy


def test_image_is_built_once_for_each_version_of_its_sources(qemu: None, own_sources: Path) -> None:
    first = build(machine_port(DEFAULT))
    made = first.stat().st_mtime_ns
    assert build(machine_port(DEFAULT)) == first
    assert first.stat().st_mtime_ns == made
    with open(own_sources / "link/frame.h", "a") as header:
        header.write("/* another version */\n")
    assert build(machine_port(DEFAULT)) != first
    assert {path.suffix for path in first.parent.iterdir()} == {".elf"}


def test_sources_that_do_not_compile_are_an_error_and_leave_nothing_in_the_cache(
    qemu: None, own_sources: Path, tmp_path: Path
) -> None:
    (own_sources / "firmware/core/commands.c").write_text("#error out of order\n")
    with pytest.raises(fb.BridgeConnectionError, match="out of order"):
        build(machine_port(DEFAULT))
    assert list((tmp_path / "cache/edgecore/firmware").iterdir()) == []


@contextlib.contextmanager
def script(text: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", text],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_machine_dies_with_a_killed_parent(qemu: None, tmp_path: Path) -> None:
    build(machine_port(DEFAULT))
    text = (
        "import time\n"
        "from firmware_bridge.testing.qemu import Machine\n"
        "machine = Machine(); machine.run()\n"
        "print(machine.pid, flush=True); time.sleep(600)\n"
    )
    with script(text, tmp_path) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.send_signal(signal.SIGKILL)
        psutil.wait_procs([child], PATIENCE_S)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_machine_outlives_the_thread_that_made_it(qemu: None) -> None:
    made: list[Machine] = []
    thread = threading.Thread(target=lambda: made.append(Machine()))
    thread.start()
    thread.join()
    (machine,) = made
    with machine:
        machine.run()
        assert machine.execute("query-status")["running"]


def test_closed_machine_leaves_no_process_and_no_file(
    qemu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    machine = Machine()
    assert len(os.listdir(tmp_path)) == 1
    machine.close()
    machine.close()
    assert not psutil.pid_exists(machine.pid)
    assert os.listdir(tmp_path) == []
