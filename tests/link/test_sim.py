"""The simulated firmware as a real process: boots on every line, dies and returns as it should."""

import contextlib
import os
import secrets
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from firmware_bridge import scenario
from firmware_bridge._link import Session
from firmware_bridge.events import Resolved
from firmware_bridge.sim import main
from tests.link.process import PATIENCE_S, running

pytestmark = pytest.mark.once

VEHICLE, STATUS = 0x41, 0x42


class Host:
    """A session over a descriptor, carried in this thread."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.session = Session(device=False, boot_id=1 + secrets.randbelow(2**32 - 1))
        self.events: list[Any] = []
        self.closed = False

    def carry(self, until: Any) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not until():
            assert time.monotonic() < deadline, "the session did not get there in time"
            now_us = time.monotonic_ns() // 1000
            with contextlib.suppress(BlockingIOError):
                os.write(self.fd, self.session.output(now_us))
            data = b""
            with contextlib.suppress(BlockingIOError):
                data = os.read(self.fd, 65536)
            self.events += self.session.input(now_us, data)
            if not data:
                time.sleep(0.001)

    def telemetry(self, type_: int) -> list[bytes]:
        return [e.payload for e in self.events if getattr(e, "type", None) == type_]

    def keep_alive(self) -> None:
        self.session.keep_alive(time.monotonic_ns() // 1000, 1000)

    def alert(self, level: int = 2) -> None:
        now_us = time.monotonic_ns() // 1000
        assert self.session.request(now_us, 1, 1, bytes([1, level, 100, 0]), 5000, 1)
        self.carry(lambda: any(isinstance(e, Resolved) for e in self.events))
        (resolved,) = [e for e in self.events if isinstance(e, Resolved)]
        assert (resolved.outcome, resolved.status) == (0, 0)
        self.events.clear()


@contextlib.contextmanager
def client(address: str) -> Iterator[Host]:
    scheme, _, rest = address.partition("://")
    if scheme == "serial":
        fd = os.open(rest, os.O_RDWR | os.O_NOCTTY)
        try:
            yield Host(fd)
        finally:
            os.close(fd)
        return
    if scheme == "unix":
        line = socket.socket(socket.AF_UNIX)
        line.connect(rest)
    else:
        host, _, port = rest.rpartition(":")
        line = socket.create_connection((host.strip("[]"), int(port)))
    with line:
        yield Host(line.fileno())


def options(kind: str, folder: Path) -> list[str]:
    return {
        "pty": [],
        "pty-link": ["--pty-link", str(folder / "tty")],
        "unix": ["--listen", f"unix:{folder / 'fw.sock'}"],
        "tcp": ["--listen", "tcp:127.0.0.1:0"],
    }[kind]


LINES = ["pty", "pty-link", "unix", "tcp"]


@pytest.mark.parametrize("kind", LINES)
def test_boots_talks_obeys_and_ends_on_sigterm(kind: str, tmp_path: Path) -> None:
    with running(*options(kind, tmp_path), "--boot-id", "1234") as sim:
        address = sim.wait_for("listening")["address"]
        assert sim.wait_for("boot")["boot_id"] == 1234
        sim.wait_for("safe")
        with client(address) as host:
            host.carry(lambda: host.session.open)
            assert host.session.peer["boot_id"] == 1234
            host.keep_alive()
            sim.wait_for("connected")
            host.carry(lambda: len(host.events) > 20)
            host.alert()
            assert sim.wait_for("alert")["level"] == 2
        assert "active" in {event["event"] for event in sim.events}
        assert sim.end() == 0
        assert sim.process.stderr is not None
        assert sim.process.stderr.read() == b""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", LINES)
def test_survives_clients_that_leave_and_return(kind: str, tmp_path: Path) -> None:
    with running(*options(kind, tmp_path)) as sim:
        address = sim.wait_for("listening")["address"]
        boots = set()
        for _ in range(4):
            with client(address) as host:
                host.carry(lambda host=host: host.session.open)
                boots.add(host.session.peer["boot_id"])
                host.alert(level=1)
                sim.wait_for("alert")
        assert len(boots) == 1
        assert sim.process.poll() is None


@pytest.mark.parametrize("kind", LINES)
def test_goes_to_the_safe_state_when_its_client_is_gone(kind: str, tmp_path: Path) -> None:
    with running(*options(kind, tmp_path)) as sim:
        address = sim.wait_for("listening")["address"]
        sim.wait_for("safe")
        with client(address) as host:
            host.keep_alive()
            host.carry(lambda: host.session.open)
            host.carry(lambda: host.session.stats["data_received"] > 30)
            sim.wait_for("active")
        sim.wait_for("safe")
        with client(address) as host:
            host.keep_alive()
            host.carry(lambda: host.session.open)
            host.carry(lambda: host.session.stats["data_received"] > 30)
            sim.wait_for("active")


@pytest.mark.parametrize("kind", ["pty-link", "unix"])
def test_killed_process_returns_under_the_same_name_as_another_boot(
    kind: str, tmp_path: Path
) -> None:
    boots = []
    for _ in range(2):
        with running(*options(kind, tmp_path)) as sim:
            address = sim.wait_for("listening")["address"]
            with client(address) as host:
                host.carry(lambda host=host: host.session.open)
                boots.append(host.session.peer["boot_id"])
            sim.process.send_signal(signal.SIGKILL)
            assert sim.process.wait(PATIENCE_S) == -signal.SIGKILL
    assert boots[0] != boots[1]


def test_second_client_waits_until_the_first_leaves(tmp_path: Path) -> None:
    with running(*options("unix", tmp_path)) as sim:
        address = sim.wait_for("listening")["address"]
        with client(address) as first:
            first.carry(lambda: first.session.open)
            with client(address) as second:
                received = first.session.stats["data_received"]
                first.carry(lambda: first.session.stats["data_received"] > received + 50)
                with pytest.raises(BlockingIOError):
                    os.read(second.fd, 1)
                with socket.socket(fileno=os.dup(first.fd)) as line:
                    line.shutdown(socket.SHUT_RDWR)
                second.carry(lambda: second.session.open)


def test_silent_client_gives_way_to_a_new_one(tmp_path: Path) -> None:
    with running(*options("tcp", tmp_path)) as sim:
        address = sim.wait_for("listening")["address"]
        with client(address) as dead, client(address) as living:
            del dead
            living.carry(lambda: living.session.open)


def test_stream_child_ends_with_its_line() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, running("--fd", str(theirs.fileno()), pass_fds=[theirs.fileno()]) as sim:
        theirs.close()
        host = Host(ours.fileno())
        host.carry(lambda: host.session.open)
        host.alert()
        ours.close()
        assert sim.process.wait(PATIENCE_S) == 0


def test_stream_child_dies_with_its_parent() -> None:
    """The parent is killed while another process still holds the line open."""
    script = (
        "import socket, subprocess, sys, time\n"
        "ours, theirs = socket.socketpair()\n"
        "fd = theirs.fileno()\n"
        "child = subprocess.Popen([sys.executable, '-m', 'firmware_bridge.sim', '--fd', str(fd)],"
        " pass_fds=[fd], stdout=subprocess.PIPE)\n"
        "holder = subprocess.Popen(['sleep', '60'], pass_fds=[ours.fileno(), fd])\n"
        "for _ in range(3): child.stdout.readline()\n"
        "print(child.pid, holder.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child, holder = (psutil.Process(int(pid)) for pid in parent.stdout.readline().split())
        try:
            assert child.is_running()
            parent.kill()
            parent.wait(PATIENCE_S)
            psutil.wait_procs([child], PATIENCE_S)
            assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
        finally:
            for process in (child, holder):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()


def test_stream_child_outlives_the_thread_that_started_it() -> None:
    script = (
        "import os, socket, subprocess, sys, threading, time\n"
        "ours, theirs = socket.socketpair()\n"
        "fd = theirs.fileno()\n"
        "children = []\n"
        "def start():\n"
        "    children.append(subprocess.Popen([sys.executable, '-m', 'firmware_bridge.sim',"
        " '--fd', str(fd)], pass_fds=[fd], stdout=subprocess.PIPE))\n"
        "    for _ in range(3): children[0].stdout.readline()\n"
        "thread = threading.Thread(target=start); thread.start(); thread.join()\n"
        "while os.path.exists(f'/proc/self/task/{thread.native_id}'): time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        "print(children[0].poll())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert run.stdout == "None\n", run.stderr


def test_nobody_reading_its_output_does_not_stop_it(tmp_path: Path) -> None:
    with running(*options("unix", tmp_path)) as sim:
        address = sim.wait_for("listening")["address"]
        with client(address) as host:
            host.carry(lambda: host.session.open)
            for _ in range(1500):
                host.alert(level=1)
        assert sim.end() == 0


@pytest.mark.parametrize("ago_s", [None, 9.5])
def test_epoch_sets_the_time_of_the_scenario(ago_s: float | None, tmp_path: Path) -> None:
    """Without one the scenario begins with the boot; at nine seconds and a half of it the car is
    braking hard."""
    begun_ns = time.monotonic_ns()
    epoch_ns = 0 if ago_s is None else begun_ns - round(ago_s * 1e9)
    with running(*options("unix", tmp_path), "--epoch-ns", str(epoch_ns)) as sim:
        with client(sim.wait_for("listening")["address"]) as host:
            host.carry(lambda: host.telemetry(VEHICLE))
            t_us, speed_mps = struct.unpack_from("<Qf", host.telemetry(VEHICLE)[0])
            came_s = (time.monotonic_ns() - epoch_ns) / 1e9
        assert sim.end() == 0
    first_s = last_s = t_us / 1e6
    if ago_s is not None:  # it booted some time after it was started
        first_s, last_s = first_s + ago_s, came_s
    looks = 1 + round((last_s - first_s) / 0.01)
    speeds = [
        scenario.at(first_s + look / looks * (last_s - first_s)).ego_speed_mps
        for look in range(looks + 1)
    ]
    assert min(speeds) - 0.2 <= speed_mps <= max(speeds) + 0.2


def newest_us(host: Host) -> int:
    """Time of the device's next record of its state."""
    known = len(host.telemetry(STATUS))
    host.carry(lambda: len(host.telemetry(STATUS)) > known)
    return int(struct.unpack_from("<Q", host.telemetry(STATUS)[-1])[0])


def test_clock_is_ahead_by_what_the_file_says_and_never_goes_back(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_bytes(struct.pack("=q", 7_000_000_000))  # before the boot, at which its clock is 0
    with running(*options("unix", tmp_path), "--clock", str(clock)) as sim:
        with client(sim.wait_for("listening")["address"]) as host:
            boot_us = newest_us(host)
            assert boot_us < 7_000_000_000
            with clock.open("r+b") as file:
                file.write(struct.pack("=q", 7_100_000_000))
            # A record that is late has the time at which it was made.
            newest_us(host)
            ahead_us = newest_us(host)
            assert ahead_us > boot_us + 100_000_000
            with clock.open("r+b") as file:
                file.write(struct.pack("=q", 7_099_800_000))  # it stands still for 0.2 s
            assert newest_us(host) >= ahead_us
        assert sim.end() == 0


def test_boot_needs_no_numpy() -> None:
    script = "import sys, firmware_bridge.sim; print('numpy' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert run.stdout == "False\n", run.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--clock", "/dev/null"], "/dev/null: no clock: expected 8 bytes"),
        (["--clock", "/nonexistent/clock"], "No such file or directory"),
        (["--listen", "nonsense"], "expected unix:PATH or tcp:HOST:PORT, got 'nonsense'"),
        (["--listen", "tcp:localhost:99999"], "expected unix:PATH or tcp:HOST:PORT"),
        (["--listen", "unix:/nonexistent/folder/s"], "No such file or directory"),
        (["--pty-link", "/nonexistent/folder/tty"], "No such file or directory"),
        (["--fd", "999"], "Bad file descriptor"),
    ],
)
def test_impossible_line_is_one_clear_message(arguments: list[str], message: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "firmware_bridge.sim", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert run.returncode == 1
    assert message in run.stderr
    assert run.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--boot-id", "0"],
        ["--boot-id", str(2**32)],
        ["--fd", "1", "--listen", "x:y"],
        ["--mlperf-tiny", "--flash", "x"],
        ["--mlperf-tiny", "--key-file", "x"],
    ],
)
def test_wrong_argument_is_refused_by_name(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_socket_left_by_a_dead_process_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "fw.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    assert stat.S_ISSOCK(path.stat().st_mode)
    with running("--listen", f"unix:{path}") as sim:
        sim.wait_for("listening")
        assert sim.end() == 0
    path.write_text("precious")
    with running("--listen", f"unix:{path}") as sim:
        assert sim.process.wait(PATIENCE_S) == 1
    assert path.read_text() == "precious"


def test_path_in_use_is_not_taken_away(tmp_path: Path) -> None:
    with running(*options("unix", tmp_path)) as sim:
        address = sim.wait_for("listening")["address"]
        with running(*options("unix", tmp_path)) as other:
            assert other.process.wait(PATIENCE_S) == 1
        with client(address) as host:
            host.carry(lambda: host.session.open)
