"""The link: codec, round trips, commands per second, processor share, clock.

Codec rows are raced like all others. The rest needs two processes at once, so it leaves the one
core the suite is pinned to, and is timed by the wall's clock, in turns with its yardstick.
"""

import asyncio
import ctypes
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import serial

import firmware_bridge as fb
from bench.conftest import Contest, Keep, Load
from bench.firmware_clock import bounds_us
from bench.harness import Row
from edgecore.benchmark.race import Entrant
from firmware_bridge._carrier import Carrier, Line

FRAMES = 1000
CODECS = ("cobs_crc32c", "mavlink", "smp_console", "hdlc", "slip")
OUR_CHECK = "CRC-32C"
ENCODE = f"encode {FRAMES} 64-byte frames, one by one"
DECODE = f"decode {FRAMES} 64-byte frames"
ROUND_TRIP = "round trip over a pty"
COMMANDS = "reliable commands over a pty"
LISTENING = "processor time of a full 3 Mbaud line, decoded"
GIL = "answer to a device while Python holds the GIL 50 ms at a time"
CLOCK = "clock over a simulated 921600 baud line"
BOUND = "bound of the clock's error, the simulated device behind a pty"
ALERT = fb.Alert(kind=1, level=1, duration_ms=10)


def payloads() -> list[bytes]:
    draw = random.Random(7)
    return [draw.randbytes(64) for _ in range(FRAMES)]


def encode(payload: bytes) -> bytes:
    return fb.codec.encode(2, 0x40, payload)


def row(workload: str, name: str, role: str = "edgecore", **facts: float | str) -> Row:
    return Row(workload, name, None, role=role, facts=dict(facts))


def with_rates(rows: list[Row]) -> None:
    for each in rows:
        if each.median_us:
            each.facts["M frames/s"] = round(FRAMES / each.median_us, 2)


def test_encode(contest: Contest, peers: Load) -> None:
    given = payloads()
    ways, checks = {"edgecore": encode}, {"edgecore": OUR_CHECK}
    for module in peers("codec", *CODECS):
        ways[module.NAME], checks[module.NAME] = module.encode, module.CHECK

    def all_of(way: Callable[[bytes], bytes]) -> Callable[[Any], object]:
        return lambda _: [way(payload) for payload in given]

    rows = [
        row(
            ENCODE,
            name,
            "edgecore" if name == "edgecore" else "peer",
            **{"check": checks[name], "bytes a frame": len(ways[name](given[0]))},
        )
        for name in ways
    ]
    contest(rows, [Entrant(name, all_of(way)) for name, way in ways.items()], [None])
    with_rates(rows)


def test_decode(contest: Contest, peers: Load) -> None:
    given = payloads()
    stream = b"".join(map(encode, given))
    decoder = fb.codec.Decoder()
    headers, bodies = decoder.feed_arrays(stream)
    assert bodies.tobytes() == b"".join(given)
    assert (headers["length"] == 64).all()
    assert [frame.payload for frame in decoder.feed(stream)] == given
    ways: dict[str, Callable[[Any], object]] = {
        "edgecore, frames": lambda _: decoder.feed(stream),
        "edgecore, frames and every payload": lambda _: [f.payload for f in decoder.feed(stream)],
        "edgecore, arrays": lambda _: decoder.feed_arrays(stream),
    }
    checks = dict.fromkeys(ways, OUR_CHECK)
    for module in peers("codec", *CODECS):
        theirs = b"".join(map(module.encode, given))
        assert module.decode(theirs) == given
        checks[module.NAME] = module.CHECK
        ways[module.NAME] = lambda _, decode=module.decode, theirs=theirs: decode(theirs)  # type: ignore[misc]
    rows = [
        row(DECODE, n, "edgecore" if n.startswith("edgecore") else "peer", check=checks[n])
        for n in ways
    ]
    contest(rows, [Entrant(name, way) for name, way in ways.items()], [None])
    with_rates(rows)


@pytest.fixture
def link(all_cores: None) -> Iterator[fb.Link]:
    """To the simulated firmware, over a pty as over a serial port."""
    command = [sys.executable, "-m", "firmware_bridge.sim"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line[line.index("serial://") :].split('"')[0]
        with fb.connect(url + "?baud=4000000") as link:
            yield link
        process.terminate()


ECHO = """
import os, sys, tty
fd = int(sys.argv[1])
tty.setraw(fd)
print(os.ttyname(os.open(sys.argv[2], os.O_RDWR | os.O_NOCTTY)), flush=True)
while data := os.read(fd, 4096):
    os.write(fd, data)
"""


@contextmanager
def echo() -> Iterator[int]:
    """A pty's descriptor, and behind it a process that returns what it reads."""
    master, slave = os.openpty()
    tty.setraw(slave)
    command = [sys.executable, "-c", ECHO, str(master), os.ttyname(slave)]
    with subprocess.Popen(command, pass_fds=[master], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield slave
        process.kill()
    os.close(master)
    os.close(slave)


MESSAGE = bytes(range(1, 21))


def bare(fd: int) -> Callable[[], None]:
    def exchange() -> None:
        os.write(fd, MESSAGE)
        os.read(fd, 4096)

    return exchange


def over_pyserial(port: serial.Serial, codec: Any = None) -> Callable[[], None]:
    """One frame there and back; who echoes it neither decodes nor encodes."""
    length = len(MESSAGE if codec is None else codec.encode(MESSAGE))

    def exchange() -> None:
        port.write(MESSAGE if codec is None else codec.encode(MESSAGE))
        came = port.read(length)
        assert came == MESSAGE if codec is None else codec.decode(came) == [MESSAGE]

    return exchange


def timed_ns(calls: int, call: Callable[[], object]) -> list[int]:
    stamps = [time.perf_counter_ns()]
    for _ in range(calls):
        call()
        stamps.append(time.perf_counter_ns())
    return [after - before for before, after in pairwise(stamps)]


@pytest.fixture
def ends(all_cores: None) -> Iterator[tuple[int, serial.Serial]]:
    """Of two ptys that echo: how pyserial sets a port up would change what `os.read` waits for."""
    with echo() as fd, echo() as other, serial.Serial(os.ttyname(other), 4_000_000) as port:
        yield fd, port


def test_round_trip(
    link: fb.Link,
    ends: tuple[int, serial.Serial],
    peers: Load,
    benchmark: Any,
    keep: Keep,
) -> None:
    fd, port = ends
    echoes = {"os.write, os.read": bare(fd), "pyserial": over_pyserial(port)}
    for codec in peers("codec", *CODECS):
        echoes[f"{codec.NAME} over pyserial"] = over_pyserial(port, codec)
    times: dict[str, list[int]] = {
        name: [] for name in (*echoes, "ping", "request", "request_async")
    }

    async def ask(calls: int) -> list[int]:
        stamps = [time.perf_counter_ns()]
        for _ in range(calls):
            await link.request_async(ALERT)
            stamps.append(time.perf_counter_ns())
        return [after - before for before, after in pairwise(stamps)]

    def turn() -> None:
        for name, exchange in echoes.items():
            times[name] += timed_ns(100, exchange)
        times["ping"] += timed_ns(100, link.ping)
        times["request"] += timed_ns(100, lambda: link.request(ALERT))
        times["request_async"] += asyncio.run(ask(100))

    turn()
    benchmark.pedantic(turn, rounds=20)
    base = statistics.median(times["os.write, os.read"]) / 1000
    for name, taken in times.items():
        median = statistics.median(taken) / 1000
        role = "yardstick" if name == "os.write, os.read" else "edgecore"
        role = "peer" if "pyserial" in name else role
        facts: dict[str, float | str] = {"p99 us": round(np.percentile(taken, 99) / 1000, 1)}
        if role != "yardstick":
            facts["us over os.read"] = round(median - base, 1)
            facts["answered by"] = "firmware" if role == "edgecore" else "echo of bytes"
        keep(Row(ROUND_TRIP, name, median, rounds=len(taken), role=role, facts=facts))


def test_commands(link: fb.Link, benchmark: Any, keep: Keep) -> None:
    records = np.zeros(20_000, link.schema.by_name["Alert"].dtype)
    records["kind"], records["level"], records["duration_ms"] = 1, 1, 10

    def pipelined() -> None:
        for future in [link.submit(ALERT, timeout=5.0) for _ in range(500)]:
            future.result()

    def many() -> None:
        assert not link.request_many("Alert", records, timeout=5.0).outcome.any()

    taken: dict[str, list[float]] = {"request_many": [], "submit": []}

    def turn() -> None:
        taken["request_many"].append(timed_ns(1, many)[0] / len(records))
        taken["submit"].append(timed_ns(1, pipelined)[0] / 500)

    turn()
    benchmark.pedantic(turn, rounds=7)
    for name, each_ns in taken.items():
        median_us = statistics.median(each_ns) / 1000
        facts: dict[str, float | str] = {"k commands/s": round(1000 / median_us, 1)}
        keep(Row(COMMANDS, name, median_us, rounds=len(each_ns), role="edgecore", facts=facts))


TALKER = """
import os, sys, time
import firmware_bridge as fb
fd, seconds = int(sys.argv[1]), float(sys.argv[2])
wire = b"".join(fb.codec.encode(2, 0x40, bytes(32), sequence=i % 256) for i in range(256))
start, sent = time.monotonic(), 0
while (elapsed := time.monotonic() - start) < seconds:
    due = int(elapsed * 300_000) - sent
    if due < 300:
        time.sleep(0.0005)
        continue
    at = sent % len(wire)
    sent += os.write(fd, wire[at : at + min(due, 4096)])
"""


def _share(listen: Callable[[int, float], object]) -> float:
    """Per cent of a core that this process needs while a line runs full for two seconds."""
    master, slave = os.openpty()
    tty.setraw(slave)
    seconds = 2.0
    command = [sys.executable, "-c", TALKER, str(master), str(seconds)]
    with subprocess.Popen(command, pass_fds=[master]) as process:
        os.close(master)
        os.read(slave, 1)
        before = resource.getrusage(resource.RUSAGE_SELF)
        start = time.monotonic()
        listen(slave, seconds - 0.5)
        after, wall = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - start
        process.kill()  # it may wait for room on the line
    os.close(slave)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 100 * used / wall


def _read_only(fd: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        os.read(fd, 4096)


def _read_and_decode(fd: int, seconds: float) -> None:
    decoder = fb.codec.Decoder()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        decoder.feed(os.read(fd, 4096))
    assert decoder.frames > 1000


def test_listening(all_cores: None, benchmark: Any, keep: Keep) -> None:
    shares: dict[str, list[float]] = {"os.read alone": [], "os.read and Decoder": []}

    def turn() -> None:
        shares["os.read alone"].append(_share(_read_only))
        shares["os.read and Decoder"].append(_share(_read_and_decode))

    benchmark.pedantic(turn, rounds=3)
    for name, found in shares.items():
        role = "yardstick" if "alone" in name else "edgecore"
        facts: dict[str, float | str] = {"% of a core": round(statistics.median(found), 2)}
        keep(Row(LISTENING, name, statistics.median(found) * 10_000, role=role, facts=facts))


# Of each answer it tells, in microseconds, how long it took, and how much of that its own process
# and the host's thread were ready to run but had no core: one after the other, as the one sleeps
# until the other has answered.
DEVICE = """
import os, select, sys, time
from firmware_bridge._link import Session
from firmware_bridge.events import Stamps
fd, seconds = int(sys.argv[1]), float(sys.argv[2])
waiting = [os.open(path, os.O_RDONLY) for path in ("/proc/self/schedstat", sys.argv[3])]
waited_us = lambda: sum(int(os.pread(each, 64, 0).split()[1]) for each in waiting) // 1000
now_us = lambda: time.monotonic_ns() // 1000
session = Session(device=True, boot_id=5, name="device", now_us=now_us())
until, due, asked, found = time.monotonic() + seconds, 0.0, False, []
while time.monotonic() < until:
    if session.open and time.monotonic() >= due:
        before_us, asked = waited_us(), True
        session.ping()
        due = time.monotonic() + 0.002
    os.write(fd, session.output(now_us()))
    came = os.read(fd, 4096) if select.select([fd], [], [], 0.1 if asked else 0.001)[0] else b""
    for event in session.input(now_us(), came):
        if isinstance(event, Stamps):
            asked = False
            found += [event.t4 - event.t1, waited_us() - before_us]
print(*found)
"""


def hold_the_gil(until: float) -> None:
    sleep = ctypes.PyDLL(None).usleep
    while time.monotonic() < until:
        sleep(50_000)


def ask_again_and_again(carrier: Carrier, until: float) -> None:
    """Reads the line itself, and is kept from it by whoever holds the GIL."""
    while time.monotonic() < until:
        carrier.ask_ping(32).wait(1.0)


BESIDE = "edgecore, beside a caller that reads the line"
REAL_TIME = "edgecore, its thread a real-time one"


@pytest.mark.parametrize("name", ["edgecore", BESIDE, REAL_TIME])
def test_answers_while_the_gil_is_held(
    all_cores: None, benchmark: Any, keep: Keep, name: str
) -> None:
    taken: list[int] = []
    waited: list[int] = []

    def turn() -> None:
        ours, theirs = socket.socketpair()
        others = set(os.listdir("/proc/self/task"))
        carrier = Carrier(boot_id=7)
        (thread,) = set(os.listdir("/proc/self/task")) - others
        if name == REAL_TIME:
            try:
                os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(1))
            except PermissionError as error:
                pytest.skip(f"real-time threads need CAP_SYS_NICE: {error}")
        scheduled = f"/proc/{os.getpid()}/task/{thread}/schedstat"
        command = [sys.executable, "-c", DEVICE, str(theirs.fileno()), "3", scheduled]
        with subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True
        ) as device:
            theirs.close()
            ours.setblocking(False)
            carrier.attach(ours.fileno())
            until = time.monotonic() + 3
            caller = threading.Thread(target=ask_again_and_again, args=(carrier, until))
            if name == BESIDE:
                caller.start()
            hold_the_gil(until)
            if caller.ident is not None:
                caller.join()
            assert device.stdout is not None
            said = [int(word) for word in device.stdout.read().split()]
            taken.extend(said[::2])
            waited.extend(said[1::2])
        carrier.stop()
        ours.close()

    benchmark.pedantic(turn, rounds=3)
    assert len(taken) > 1000
    facts: dict[str, float | str] = {
        "p99 ms": round(float(np.percentile(taken, 99)) / 1000, 2),
        "max ms": round(max(taken) / 1000, 2),
        "max ms but for waiting for a core": round(
            max(took - wait for took, wait in zip(taken, waited, strict=True)) / 1000, 2
        ),
    }
    median = statistics.median(taken)
    keep(Row(GIL, name, median, rounds=len(taken), role="edgecore", facts=facts))


def test_clock(benchmark: Any, keep: Keep) -> None:
    """A device 40 ppm off, at the end of a line of 921600 baud that telemetry keeps half busy."""
    errors: list[float] = []
    draw = random.Random(3)
    byte_us = 1e6 / 92160

    def minute() -> None:
        line = Line()
        now_us, drift, began_us = 1e6, 40e-6, draw.randrange(2**40)

        def device_us(host_us: float) -> int:
            return int(began_us + host_us * (1 + drift))

        for burst in range(60):
            line.begin_burst()
            for _ in range(4):
                # Of 45 bytes each way the first is stamped; the device's may wait for the rest of a
                # telemetry frame.
                there = byte_us + draw.uniform(0, 10)
                back = byte_us + draw.choice((0.0, draw.uniform(0, 50))) * byte_us
                t2 = now_us + there
                t3 = t2 + 44 * byte_us + draw.uniform(5, 30)
                t4 = t3 + back + draw.uniform(0, 20)
                line.add(int(now_us), device_us(t2), device_us(t3), int(t4))
                now_us = t4
            for _ in range(20):
                now_us += 50_000
                known = line.offset(int(now_us))
                assert known is not None
                off_ns = abs(known[0] - (device_us(now_us) - now_us) * 1000)
                assert off_ns <= known[1] + 2000, "the published bound must hold"
                if burst > 5:
                    errors.append(off_ns)

    benchmark.pedantic(minute, rounds=20)
    p99 = float(np.percentile(errors, 99)) / 1000
    keep(Row(CLOCK, "edgecore", p99, role="edgecore", facts={"p99 error us": round(p99, 1)}))


def test_bound_of_the_clock(link: fb.Link, benchmark: Any, keep: Keep) -> None:
    found = benchmark.pedantic(bounds_us, args=(link,), rounds=1)
    p99 = round(float(np.percentile(found, 99)), 1)
    keep(Row(BOUND, "edgecore", p99, rounds=len(found), role="edgecore", facts={"p99 us": p99}))
