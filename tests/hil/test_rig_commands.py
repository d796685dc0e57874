"""Commands of a rig that fail or hang, and those that another process may not run meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from firmware_bridge.testing.targets import TargetError
from firmware_bridge.testing.targets.rig import RigTarget
from tests.link.patience import wait_until

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def opened(folder: Path, name: str = "rig", port: str = "", **entries: str) -> Iterator[RigTarget]:
    """A rig at a port of its own."""
    path = folder / f"{name}.toml"
    lines = [f"port = '{port or folder / 'port'}'"]
    lines += [f"{key} = {value}" for key, value in entries.items()]
    path.write_text("\n".join(lines))
    with contextlib.closing(RigTarget(f"rig:{path}")) as target:
        yield target


def shell(script: str) -> str:
    """As it stands in the file."""
    return f'''"""sh -c '{script}'"""'''


def hung(target: RigTarget, timeouts: tuple[float, ...], begun: Path) -> str:
    """What the error of a reset says; the longer times are for a machine that is busy."""
    for timeout_s in timeouts:
        target._entries["timeout_s"] = timeout_s
        with pytest.raises(TargetError, match=rf"reset: no end of .* {timeout_s:g} s") as told:
            target.reset()
        if begun.exists():
            break
    return str(told.value)


def gone(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def test_hanging_command_says_what_it_printed_and_ends_with_its_children(tmp_path: Path) -> None:
    script = "echo Open On-Chip Debugger; echo no target >&2; sleep 600 & echo $! > child; wait"
    child = tmp_path / "child"
    with opened(tmp_path, reset=shell(script)) as target:
        told = hung(target, (0.5, 5, 50), child)
        assert told.endswith("s: Open On-Chip Debugger\nno target")
        assert target.logs().endswith("Open On-Chip Debugger\nno target")
    wait_until(child.read_text)
    wait_until(lambda: gone(int(child.read_text())))


def test_interrupted_command_ends_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    with opened(tmp_path, reset=shell("sleep 600 & echo $! > child; wait"), timeout_s="600"):
        pass
    text = f"""
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from firmware_bridge.testing.targets import open_target
open_target({f"rig:{tmp_path / 'rig.toml'}"!r}).reset()
"""
    with subprocess.Popen(
        [sys.executable, "-c", text], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: child.exists() and child.read_text())
        switches = psutil.Process(process.pid).num_ctx_switches
        begun = switches().voluntary
        wait_until(lambda: switches().voluntary > begun + 10)  # it waits for the command by now
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert said.splitlines()[-1] == "KeyboardInterrupt"
    wait_until(lambda: gone(int(child.read_text())))


def test_what_a_command_leaves_running_is_not_waited_for_and_lives_on(tmp_path: Path) -> None:
    script = "echo started; sleep 600 & echo $! > daemon; exit 0"
    with opened(tmp_path, power_on=shell(script), timeout_s="60") as target:
        target.start()
        assert target.logs().endswith("\nstarted")
    pid = int((tmp_path / "daemon").read_text())
    assert not gone(pid)
    os.kill(pid, signal.SIGKILL)


def test_only_the_end_of_much_output_is_told(tmp_path: Path) -> None:
    with opened(tmp_path, reset=shell("seq 100000; exit 3")) as target:
        with pytest.raises(TargetError, match=r"ended with 3: 99981\n") as told:
            target.reset()
        assert str(told.value).endswith("\n100000")
        assert len(target.logs()) < 70_000


@pytest.mark.parametrize("end", ["exit 3", "sleep 600"])
def test_power_that_went_off_in_a_command_that_failed_comes_on_again(
    tmp_path: Path, end: str
) -> None:
    relay = tmp_path / "relay"
    with opened(
        tmp_path,
        power_on=shell("echo on >> relay"),
        power_off=shell(f"echo off >> relay; {end}"),
        timeout_s="60",
    ) as target:
        target.start()
        target._entries["timeout_s"] = 2.0 if "sleep" in end else 60.0
        with pytest.raises(TargetError, match="power_off: "):
            target.stop()
        target._entries["timeout_s"] = 60.0
        target.start()
        assert relay.read_text().split()[-1] == "on"
        assert relay.read_text().split().count("on") == 2


def test_file_that_is_not_there_is_not_flashed(tmp_path: Path) -> None:
    with (
        opened(tmp_path, flash=shell("touch flashed {image}")) as target,
        pytest.raises(TargetError, match=r"flash: no such image: nosuch\.bin"),
    ):
        target.flash(Path("nosuch.bin"))
    assert not (tmp_path / "flashed").exists()


HOLDER = """
import sys, time
from firmware_bridge.testing.targets import open_target
target = open_target(sys.argv[1])
target.start()
print("held", flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def held(spec: str) -> Iterator[subprocess.Popen[str]]:
    """By a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, spec], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_commands_are_for_one_process_at_a_time(tmp_path: Path) -> None:
    """Also where the second has a rig's file of its own: by the port, whatever its options."""
    relay, port = tmp_path / "relay", f"serial://{tmp_path / 'port'}?baud=115200"
    commands = {key: shell(f"echo {key} >> relay") for key in ("power_on", "power_off", "reset")}
    with (
        opened(tmp_path, **commands) as first,
        opened(tmp_path, "other", port, **commands) as other,
        held(first.name) as holder,
    ):
        for action in (other.start, other.reset, first.start, first.reset):
            with pytest.raises(TargetError, match=rf": in use by process {holder.pid}$"):
                action()
        assert relay.read_text() == "power_on\n"
        holder.kill()
        holder.wait()
        other.start()
        with pytest.raises(TargetError, match=rf": in use by process {os.getpid()}$"):
            first.start()
        other.close()
        first.start()


def test_what_a_command_leaves_running_does_not_hold_the_rig(tmp_path: Path) -> None:
    power_on = shell("sleep 600 & echo $! >> daemon")
    with opened(tmp_path, power_on=power_on) as target, held(target.name) as holder:
        holder.kill()
        holder.wait()
        target.start()
    for pid in (tmp_path / "daemon").read_text().split():
        os.kill(int(pid), signal.SIGKILL)


def test_rig_without_commands_is_for_whom_its_port_is(tmp_path: Path) -> None:
    with opened(tmp_path) as one, opened(tmp_path, "other") as other:
        one.start()
        other.start()
