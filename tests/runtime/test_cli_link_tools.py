"""`edgecore link` as a user starts it."""

from __future__ import annotations

import json
import os
import pty
import struct
import subprocess
import sys
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

import firmware_bridge as fb
from edgecore.cli import app
from firmware_bridge.decoding import readings
from firmware_bridge.recording import Recording
from tests.link import drive
from tests.link import test_evolution as evolving
from tests.link.compiling import ROOT, program, tool
from tests.link.device import Device
from tests.link.patience import wait_until
from tests.link.test_evolution import VECTORS
from tests.runtime.test_cli import command, complaints, edgecore, environment

pytestmark = pytest.mark.once

ALERT = "06 01 01 01 01 07 02 01 0b f4 01 01 02 dc 05 79 9a bd 14 00"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "drive.pcapng"
    drive.record(path, 1.0, alerts=1)
    return path


@contextmanager
def started(folder: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command("link", *arguments),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def simulated(*arguments: str) -> Iterator[str]:
    """The reference firmware on a line of its own; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "firmware_bridge.sim", *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["address"]
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize("name", ["monitor", "record", "replay", "decode", "ports", "dissector"])
def test_help_shows_examples(tmp_path: Path, name: str) -> None:
    done = edgecore(tmp_path, "link", name, "--help")
    assert done.returncode == 0
    assert f"edgecore link {name}" in done.stdout.partition("Examples")[2]


def test_decode_reads_bytes_from_the_command_line(tmp_path: Path) -> None:
    done = edgecore(tmp_path, "link", "decode", "--hex", ALERT)
    said = "- REQUEST command session=7 id=1 left=500 ms Alert kind=1 level=2 duration_ms=1500 ms"
    assert done.stdout.split() == [*said.split(), "stamped=0"]
    done = edgecore(tmp_path, "link", "decode", "--hex", ALERT.replace("dc", "dd"), "--json")
    assert json.loads(done.stdout)["error"] == "crc"


def test_json_of_a_value_that_is_no_number_is_null(tmp_path: Path) -> None:
    wire = fb.codec.encode(2, 0x41, struct.pack("<Qf", 5, float("nan")))
    done = edgecore(tmp_path, "link", "decode", "--hex", wire.hex(), "--json")
    assert json.loads(done.stdout)["records"] == [{"t_us": 5, "speed_mps": None}]
    assert "NaN" not in done.stdout


def test_decode_reads_bytes_from_a_file_and_from_standard_input(tmp_path: Path) -> None:
    (tmp_path / "wire.bin").write_bytes(bytes.fromhex(ALERT) * 2 + b"\x07\x01")
    for file in ("wire.bin", "-"):
        with (tmp_path / "wire.bin").open("rb") as wire:
            done = subprocess.run(
                command("link", "decode", file),
                stdin=wire,
                cwd=tmp_path,
                env=environment(),
                capture_output=True,
                text=True,
            )
        *frames, cut = done.stdout.splitlines()
        assert [line.split()[1] for line in frames] == ["REQUEST", "REQUEST"]
        assert cut == "- damaged (cut) 07 01"


def test_decode_reads_a_recording_and_says_where_it_was_cut(tmp_path: Path, recorded: Path) -> None:
    done = edgecore(tmp_path, "link", "decode", recorded, "--json")
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(documents) == len(list(Recording(recorded)))
    imu = next(each for each in documents if each["message"] == "imu")
    assert imu["direction"] == "from_device"
    assert imu["units"]["accel_z"] == "m/s2"
    assert 9 < imu["records"][0]["accel_z"] < 11
    (tmp_path / "cut.pcapng").write_bytes(recorded.read_bytes()[:-3])
    done = edgecore(tmp_path, "link", "decode", "cut.pcapng")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > len(documents) - 1
    (complaint,) = complaints(done)
    assert complaint.startswith("edgecore: cut.pcapng: cut off or damaged in the block at byte ")
    assert complaint.endswith(f"whole frames before it: {len(documents) - 1}")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["decode"], "expected a FILE or --hex BYTES"),
        (["decode", "absent.bin"], "absent.bin: No such file or directory"),
        (["decode", "--hex", "0g"], "--hex: expected bytes such as"),
        (["replay", "absent.pcapng"], "absent.pcapng: No such file or directory"),
        (["record", "sim:", "no/folder.pcapng"], "no/folder.pcapng: No such file or directory"),
        (["record", "sim:?speed=1", "a.pcapng"], "sim: expected report"),
        (["record", "sim:", "a", "--listen", "nowhere"], "expected unix:PATH or tcp:HOST:PORT"),
        (["record", "sim:", "a", "--listen", "unix:a", "--pty-link", "b"], "got both"),
        (["monitor", "/dev/absent"], "/dev/absent: No such file or directory"),
        (["monitor", "nonsense:"], "nonsense:: expected serial:"),
        (["dissector", "/dev/absent"], "/dev/absent: No such file or directory"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_mistakes_are_one_line_and_a_status(
    tmp_path: Path, arguments: list[str], text: str
) -> None:
    done = edgecore(tmp_path, "link", *arguments)
    assert done.returncode == 1
    (complaint,) = done.stderr.splitlines()
    assert complaint.startswith("edgecore: ")
    assert text in complaint


def test_monitor_prints_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    done = edgecore(tmp_path, "link", "monitor", "sim:", "--duration", 3)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("state open: edgecore-reference")
    assert any(line.startswith("imu ") and "accel_z=9." in line for line in lines)
    assert any(line.startswith("link open; ") and "0 damaged, 0 missing" in line for line in lines)


def test_monitor_shows_log_lines_with_their_level_and_changes_of_state(tmp_path: Path) -> None:
    device = Device(tmp_path / "fw.sock")
    with started(tmp_path, "monitor", device.url) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("state open: test device 1.2")
        line = ""
        while not line.startswith("log "):
            device.session.publish(3, 0x60, struct.pack("<QB55s", 1_500_000, 2, b"hot"))
            line = process.stdout.readline()
        assert line == "log 1.500 warning: hot\n"
        device.die()
        while not line.startswith("state lost: "):
            line = process.stdout.readline()


@pytest.fixture(scope="module")
def pump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A firmware that this package does not know, with its words in its file."""
    example = ROOT / "examples" / "own_messages"
    to = tmp_path_factory.mktemp("pump")
    subprocess.run([tool("make"), "-s", "-C", example, f"OUT={to}"], check=True)
    return to / "pump"


@contextmanager
def pumping(pump: Path) -> Iterator[str]:
    with subprocess.Popen([pump], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def test_words_of_log_lines_come_from_the_program_or_its_table(pump: Path, tmp_path: Path) -> None:
    table = tmp_path / "pump.json"
    table.write_text(edgecore(tmp_path, "link", "log-table", pump).stdout)
    with pumping(pump) as port:
        shown = edgecore(tmp_path, "link", "monitor", port, "--logs", table, "-d", 1).stdout
    assert "info: ready, full at 900 mm  [device.c:" in shown
    drive = tmp_path / "drive.pcapng"
    door = ("--listen", f"unix:{tmp_path}/door", "--logs", pump)
    with pumping(pump) as port, started(tmp_path, "record", port, drive, *door) as recorder:
        assert recorder.stdout is not None
        with (
            fb.connect(recorder.stdout.readline().strip(), timeout=20) as link,
            link.logs() as logs,
        ):
            link.request(link.message("SetPump")(speed=900), timeout=20)
            assert logs.read(timeout=20) is not None
    decoded = edgecore(tmp_path, "link", "decode", drive, "--json").stdout
    said = [json.loads(line) for line in decoded.splitlines()]
    (line, *_) = [reading for reading in said if reading["message"] == "log_line"]
    assert line["records"][0]["text"] == "to 900 rpm in 2.0 s"
    raw = edgecore(tmp_path, "link", "decode", "--hex", line["bytes"]).stdout
    assert "0x00000384 0x40000000 (no table of build " in raw
    read = edgecore(tmp_path, "link", "decode", "--hex", line["bytes"], "--logs", table).stdout
    assert '"to 900 rpm in 2.0 s"' in read


@pytest.mark.parametrize("arguments", [("log-table",), ("monitor", "sim:", "--logs")])
def test_files_without_log_lines_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    nothing = tmp_path / "nothing.elf"
    done = edgecore(tmp_path, "link", *arguments, nothing)
    assert done.returncode == 1
    assert f"{nothing}: No such file or directory" in "".join(complaints(done))
    nothing.write_bytes(b"\x7fELF")
    done = edgecore(tmp_path, "link", *arguments, nothing)
    assert done.returncode == 1
    assert "expected a little-endian ELF file" in "".join(complaints(done))
    nothing.write_bytes(b"what?")
    done = edgecore(tmp_path, "link", *arguments, nothing)
    assert done.returncode == 1
    said = " ".join(complaints(done))
    assert f"{nothing}: expected a program (ELF) or a table of log lines, Expecting value" in said


@pytest.mark.parametrize("arguments", [("monitor", "sim:"), ("record", "sim:", "drive.pcapng")])
@pytest.mark.parametrize("duration", ["nan", "-1"])
def test_a_time_that_cannot_be_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], duration: str
) -> None:
    done = edgecore(tmp_path, "link", *arguments, "--duration", duration)
    assert done.returncode == 2
    assert f"expected 0 seconds or more, got {duration}" in done.stderr
    assert not list(tmp_path.iterdir())


def test_monitor_draws_a_table_in_a_terminal(tmp_path: Path) -> None:
    with simulated("--listen", f"unix:{tmp_path}/fw.sock") as url:
        master, slave = pty.openpty()
        tty.setraw(slave)
        environ = {**environment(), "TERM": "xterm", "COLUMNS": "160"}
        process = subprocess.Popen(
            command("link", "monitor", url, "--duration", 4),
            env=environ,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        seen = b""
        try:
            while piece := os.read(master, 4096):
                seen += piece
        except OSError:  # the terminal's other side was closed
            pass
        finally:
            os.close(master)
            process.wait(30)
    text = seen.decode()
    assert process.returncode == 0
    for part in ("message", "records", "vehicle", "speed_mps", "m/s", "edgecore-reference"):
        assert part in text


def test_record_is_the_host_itself_and_replay_plays_it_to_another(tmp_path: Path) -> None:
    done = edgecore(tmp_path, "link", "record", "sim:", "drive.pcapng", "--duration", 2)
    assert done.returncode == 0, done.stderr
    assert "frames: drive.pcapng" in done.stderr
    with started(tmp_path, "replay", "drive.pcapng", "--pty-link", "ttyREPLAY") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url == f"serial://{tmp_path}/ttyREPLAY"
        with fb.connect(url, reconnect=False) as link, link.subscribe("vehicle") as vehicle:
            assert link.info.name == "edgecore-reference"
            records = vehicle.read(timeout=10)
            assert records is not None
            assert 19 < records["speed_mps"][0] < 21
            with pytest.raises(fb.RefusedError) as caught:
                link.request(fb.Alert(kind=1, level=1), 5)
            assert caught.value.status == fb.Status.BUSY
        _, complaints = process.communicate()
    assert process.returncode == 0
    assert "frames of data played" in complaints
    assert "1 commands had no recorded answer" in complaints


def test_record_stands_between_a_device_and_its_host(tmp_path: Path) -> None:
    with started(tmp_path, "record", "sim:", "between.pcapng", "--listen", "unix:door") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with fb.connect(url) as link:
            link.keep_alive()
            link.request(fb.Alert(kind=1, level=3, duration_ms=250), 5)
        process.terminate()
        _, complaints = process.communicate()
    assert process.returncode == 0
    assert "frames: between.pcapng" in complaints
    done = edgecore(tmp_path, "link", "decode", "between.pcapng")
    assert "Alert kind=1  level=3  duration_ms=250 ms" in done.stdout


def test_record_follows_a_device_that_comes_back_with_other_messages(tmp_path: Path) -> None:
    source = Path(evolving.__file__).with_name("evolving.c")
    older = program(tmp_path / "older", source, messages=VECTORS / "messages_v1.inc")
    newer = program(
        tmp_path / "newer", source, messages=VECTORS / "messages_v2.inc", flags=("-DEC_TEST_NEWER",)
    )
    port, file = tmp_path / "tty", tmp_path / "updated.pcapng"

    def temperatures() -> list[float]:
        return [
            record["temperature"]
            for reading in readings(Recording(file))
            for record in reading.records
            if "temperature" in record
        ]

    with ExitStack() as stack:
        with evolving.running(older) as url:
            port.symlink_to(url.removeprefix("serial://"))
            process = stack.enter_context(started(tmp_path, "record", port, file))
            wait_until(lambda: file.exists() and file.stat().st_size > 20_000, 60)
            port.unlink()
        with evolving.running(newer) as url:
            port.symlink_to(url.removeprefix("serial://"))
            wait_until(temperatures, 60)
        process.terminate()
        _, complaints = process.communicate()
    assert process.returncode == 0, complaints
    assert set(temperatures()) == {31.25}
    said = [reading for reading in readings(Recording(file)) if reading.message == "imu"]
    assert "temperature" not in said[0].records[0]


def test_record_on_a_full_disk_says_so_and_keeps_what_it_had(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import resource, signal, sys\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "from edgecore.cli import main\n"
            "sys.argv = ['edgecore', 'link', 'record', 'sim:', 'full.pcapng', '-d', '60']\n"
            "import numpy, firmware_bridge, edgecore.cli.link.record\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))\n"
            "main()\n",
        ],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "edgecore: full.pcapng: File too large; the" in done.stderr
    recording = Recording(tmp_path / "full.pcapng")
    assert len(list(recording)) > 0
    assert recording.cut is None


def test_dissector_is_made_for_the_recording_it_is_given(tmp_path: Path, recorded: Path) -> None:
    done = edgecore(tmp_path, "link", "dissector", recorded)
    (tmp_path / "edgecore.lua").write_text(done.stdout)
    assert done.stdout == edgecore(tmp_path, "link", "dissector").stdout
    assert done.stdout == edgecore(tmp_path, "link", "dissector", "sim:").stdout
    shown = subprocess.run(
        [
            *(tool("tshark"), "-X", "lua_script:edgecore.lua", "-r", recorded, "-Y"),
            *("edgecore.Alert.level == 2", "-T", "fields", "-e", "edgecore.Alert.duration_ms"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert shown.stdout.split() == ["1000"]


class TestPorts:
    """The list is made up, for this machine may have no port; the ports and firmware are real."""

    @pytest.fixture
    def listed(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        master, slave = os.openpty()
        tty.setraw(slave)
        with simulated() as url:
            named = ListPortInfo(url.removeprefix("serial://"))
            named.vid, named.pid, named.serial_number = 0x2E8A, 0x000A, "E66118"
            named.manufacturer, named.product = "Raspberry Pi", "Pico"
            silent = ListPortInfo(os.ttyname(slave))
            monkeypatch.setattr(list_ports, "comports", lambda: [named, silent])
            yield
        os.close(master)
        os.close(slave)

    @pytest.mark.usefixtures("listed")
    def test_usb_identity_is_shown(self) -> None:
        done = CliRunner().invoke(app, ["link", "ports"], env={"COLUMNS": "120"})
        assert done.exit_code == 0
        assert "2e8a:000a" in done.stdout
        assert "Raspberry Pi Pico" in done.stdout
        assert "firmware" not in done.stdout

    @pytest.mark.usefixtures("listed")
    def test_probe_says_which_answer(self) -> None:
        done = CliRunner().invoke(app, ["link", "ports", "--probe", "--json"])
        rows = sorted((json.loads(line) for line in done.stdout.splitlines()), key=str)
        answers = {row["serial_number"]: (row["firmware"], row["silence"]) for row in rows}
        assert answers["E66118"] == ("edgecore-reference 0.1.0", None)
        assert answers[None][0] is None
        assert "no answer" in str(answers[None][1])

    def test_none_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(list_ports, "comports", lambda: [])
        assert CliRunner().invoke(app, ["link", "ports"]).stdout == "no serial ports found\n"


def test_compare_shows_the_first_difference_side_by_side(recorded: Path, tmp_path: Path) -> None:
    done = edgecore(tmp_path, "link", "compare", recorded, recorded)
    assert (done.returncode, done.stdout) == (0, "alike\n"), done.stderr
    drive.record(tmp_path / "more.pcapng", 1.0, alerts=2)
    done = edgecore(tmp_path, "link", "compare", recorded, "more.pcapng", "--lax")
    assert done.returncode == 1, done.stderr
    head, *rows, last = done.stdout.splitlines()
    assert head.endswith(" | more.pcapng")
    assert any(" | " in row and "REQUEST" in row for row in rows)
    (end,) = [row for row in rows if " ! " in row and "(the end)" in row]
    assert "(the end)" in end.partition(" ! ")[0]
    assert last == "frame 2 differs"
