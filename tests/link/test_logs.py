"""Log lines: what the firmware says without its words is what the host reads."""

from __future__ import annotations

import ctypes
import json
import math
import re
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from firmware_bridge.elf import build_id, sections
from firmware_bridge.log_line import LEVELS, LogLine
from firmware_bridge.log_table import SECTION, LogEntry, LogTable, LogTables
from firmware_bridge.testing.image import build
from firmware_bridge.testing.ports import machines
from tests.link.compiling import CHECKED, ROOT, program, tool
from tests.link.targets import MACHINES, need_qemu

pytestmark = pytest.mark.once

VECTORS = json.loads((ROOT / "tests" / "vectors" / "log_lines.json").read_text())
SOURCES = (
    ROOT / "tests" / "link" / "logging.c",
    ROOT / "csrc" / "firmware" / "port" / "host" / "build.c",
)
BUILD_ID = "-Wl,--build-id=sha1"


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("logging") / "logging"
    return program(to, *SOURCES, flags=(BUILD_ID,))


def said(device: Path, *arguments: str, given: str = "") -> list[str]:
    done = subprocess.run(
        [device, *arguments], input=given, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_lines_say_where_they_come_from_and_what_their_arguments_were(device: Path) -> None:
    tables = LogTables([device])
    lines = [LogLine.parse(bytes.fromhex(body)) for body in said(device, "lines")]
    assert [(line.level, line.read(tables).text) for line in lines] == [
        ("debug", "nothing to add, 100 %"),
        ("info", "200 of -7"),
        ("warning", "0000beef FFFFFFFF 10 z"),
        ("error", "1.500 0.1 -2.000000e+00"),
        ("info", "-2147483648 -1 4294967295   2.2 3   |0004"),
    ]
    source = SOURCES[0].read_text().splitlines()
    for line in lines:
        words = line.read(tables)
        assert words.file == str(SOURCES[0])
        assert words.line is not None
        assert "EC_LOG_" in source[words.line - 1]


def test_lines_from_before_the_session_come_with_their_own_times(device: Path) -> None:
    lines = [LogLine.parse(bytes.fromhex(body)) for body in said(device, "lines")]
    assert [line.number for line in lines] == [0, 1, 2, 3, 4]
    assert [line.t_us for line in lines] == [0] * 5


def test_device_makes_the_bytes_of_the_vectors(device: Path) -> None:
    given = "".join(
        f"{v['t_us']} {LEVELS.index(v['level'])} {v['token']}"
        + "".join(f" {word}" for word in v["words"])
        + "\n"
        for v in VECTORS
    )
    assert said(device, "vectors", given=given) == [v["body"] for v in VECTORS]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_host_reads_the_bytes_of_the_vectors(vector: dict[str, object]) -> None:
    line = LogLine.parse(bytes.fromhex(str(vector["body"])))
    assert line._replace(words=list(line.words)) == (  # type: ignore[arg-type]
        *(0, vector["number"], vector["t_us"], vector["level"]),
        *(vector["token"], vector["words"]),
    )


def requests(end: str) -> tuple[int, int, int]:
    """How many were done, how many were asked for, and the time of the slowest, us."""
    done, asked, slowest = re.findall(r"\d+", end)
    return int(done), int(asked), int(slowest)


@pytest.mark.parametrize(("lines_a_ms", "every_ms"), [(1, 10), (50, 20)])
def test_flood_drops_the_newest_counts_them_and_delays_commands_by_a_line_at_most(
    device: Path, lines_a_ms: int, every_ms: int
) -> None:
    *_, end = said(device, "flood", "0", str(every_ms))
    calm_us = requests(end)[2]
    *bodies, over, end = said(device, "flood", str(lines_a_ms), str(every_ms))
    done, asked, slowest_us = requests(end)
    assert done == asked == 1000 // every_ms
    line_us = math.ceil(58 / 12) * 1000  # of virtual time: a frame, at what a step carries
    assert slowest_us <= calm_us + line_us
    tables = LogTables([device])
    lines = [LogLine.parse(bytes.fromhex(body)) for body in (*bodies, over)]
    numbers = [line.number for line in lines]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 0
    assert numbers[-1] == 1000 * lines_a_ms  # what is lost is known to the line
    assert lines[-1].read(tables).text == "over"
    for line in lines[:-1]:
        ms, n = divmod(line.number, lines_a_ms)
        assert line.read(tables).text == f"flood {ms} {n} 3 4 5 6"
        assert line.t_us == lines[0].t_us + ms * 1000
    # In virtual time: one in EC_LOG_INTERVAL_US, and what the queue held at the end.
    assert len(lines) <= 1000 // 10 + 448 // 40 + 2


@pytest.mark.parametrize(
    "statement",
    [
        '"%u"',
        '"%u", 1, 2',
        '"%d", 1.5f',
        '"%f", 1',
        '"%s", "text"',
        '"%u", (uint64_t)1',
        '"%lu", 1u',
        '"%p", (void*)0',
    ],
)
@pytest.mark.parametrize("compiler", ["cc", "arm-none-eabi-gcc"])
def test_format_that_does_not_fit_its_arguments_does_not_compile(
    tmp_path: Path, compiler: str, statement: str
) -> None:
    source = tmp_path / "wrong.c"
    source.write_text(
        '#include "link/log.h"\nvoid f(ec_logger* log);\n'
        f"void f(ec_logger* log) {{ EC_LOG_INFO(log, 0, {statement}); }}\n"
    )
    flags = CHECKED if compiler == "cc" else [*CHECKED[:1], *CHECKED[4:7], "-mthumb"]
    command = [tool(compiler), *flags, "-I", ROOT / "csrc", "-c", source, "-o", tmp_path / "o"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "format" in done.stderr or "pointer" in done.stderr


@pytest.mark.parametrize("machine", MACHINES)
def test_words_are_in_the_images_file_and_not_in_its_flash(tmp_path: Path, machine: str) -> None:
    need_qemu()
    image = build(machines()[machine])
    flash = tmp_path / "flash"
    subprocess.run([tool("arm-none-eabi-objcopy"), "-O", "binary", image, flash], check=True)
    entries = LogTable.read(image).entries.values()
    assert len(entries) >= 8
    assert {entry.file for entry in entries} >= {"firmware/core/firmware.c"}
    assert not [entry for entry in entries if entry.format.encode() in flash.read_bytes()]
    assert build_id(sections(image.read_bytes())) in flash.read_bytes()


def test_line_that_the_tables_do_not_know_is_shown_as_it_came(device: Path) -> None:
    body = bytes.fromhex(said(device, "lines")[1])
    line = LogLine.parse(body)
    build = body[:4].hex()
    raw = "0x000000c8 0xfffffff9"
    unknown = line.read(LogTables())
    assert unknown.text == f"token {line.token:#x} {raw} (no table of build {build})"
    assert unknown.file is None
    elsewhere = line._replace(token=line.token + 1).read(LogTables([device]))
    assert elsewhere.text == (
        f"token {line.token + 1:#x} {raw} (no such line in the table of build {build})"
    )
    short = line._replace(words=line.words[:1]).read(LogTables([device]))
    assert short.text == "'%u of %d': expected 2 arguments, got 1: 0x000000c8"
    assert short.line is not None


@given(st.binary(max_size=64))
def test_any_bytes_are_a_line_or_refused(body: bytes) -> None:
    if len(body) in range(20, 45, 4):
        line = LogLine.parse(body)
        token = LEVELS.index(line.level) << 30 | line.token
        packed = struct.pack("<IIQI", line.build, line.number, line.t_us, token)
        assert packed + struct.pack(f"<{len(line.words)}I", *line.words) == body
        assert line.read(LogTables()).text
    else:
        with pytest.raises(ValueError, match=f"up to 6 arguments, got {len(body)}"):
            LogLine.parse(body)


INTEGER = st.integers(0, 2**32 - 1)
FLAGS = {"ux": "-0", "di": "-+ 0", "eg": "-+ 0", "c": "-"}


@st.composite
def conversions(draw: st.DrawFn) -> tuple[str, int]:
    """A conversion, and 32 bits for it."""
    letter = draw(st.sampled_from("diuxXoceEfgG"))
    word = draw(INTEGER)
    flags = next(
        f
        for letters, f in (("di", "-+ 0"), ("uxXo", "-0"), ("c", "-"), ("eEfgG", "-+ 0"))
        if letter in letters
    )
    text = "".join(draw(st.lists(st.sampled_from(flags), unique=True)))
    width = draw(st.sampled_from(["", "1", "9", "12"]))
    precision = draw(st.sampled_from(["", ".0", ".3", ".10"])) if letter in "eEfgG" else ""
    if letter in "eEfgG":
        (real,) = struct.unpack("<f", struct.pack("<I", word))
        # C pads infinity and NaN with spaces, whatever is asked, and says "-nan".
        assume(math.isfinite(real))
    if letter == "c":
        word = draw(st.integers(1, 127))
    return f"%{text}{width}{precision}{letter}", word


@given(st.lists(conversions(), max_size=6), st.text("ab %:", max_size=4))
def test_text_is_what_c_prints(parts: list[tuple[str, int]], between: str) -> None:
    plain = between.replace("%", "%%")
    entry = LogEntry("f.c", 1, plain + plain.join(form for form, _ in parts))
    words = [word for _, word in parts]
    values: list[object] = []
    for letter, word in zip(entry.conversions, words, strict=True):
        if letter in "eEfgG":
            (real,) = struct.unpack("<f", struct.pack("<I", word))
            values.append(ctypes.c_double(real))
        else:
            values.append(ctypes.c_uint32(word))
    printed = ctypes.create_string_buffer(1 << 12)
    ctypes.CDLL(None).snprintf(printed, len(printed), entry.format.encode(), *values)
    assert entry.text(words) == printed.value.decode()


@pytest.mark.parametrize(
    "form", ["%s", "%p", "%n", "%lu", "%llx", "%", "%5", "%*d", "%#x", "%+u", "%.3d", "%999d", "%a"]
)
def test_format_that_the_host_would_read_otherwise_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match=r"f.c:3: expected conversions such as %d"):
        LogEntry("f.c", 3, form)


def test_table_outlives_its_file(device: Path, tmp_path: Path) -> None:
    table = LogTable.read(device)
    saved = tmp_path / "table.json"
    saved.write_bytes(table.dump())
    again = LogTable.read(saved)
    assert (again.build_id, again.entries) == (table.build_id, table.entries)
    assert len(table.entries) == 7


def test_program_without_lines_or_build_id_has_no_table(tmp_path: Path) -> None:
    without = program(tmp_path / "without", *SOURCES, flags=("-Wl,--build-id=none",))
    with pytest.raises(ValueError, match="no build id; link the program with -Wl,--build-id=sha1"):
        LogTable.read(without)
    none = tmp_path / "none.c"
    none.write_text("int main(void) { return 0; }\n")
    with pytest.raises(ValueError, match=f"expected a section {SECTION}, got .*text"):
        LogTable.read(program(tmp_path / "none", none))


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "nonsense", '{"log_table": 2}', '{"log_table": 1, "build_id": 5}']
)
def test_file_that_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "table.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=str(file)):
        LogTable.read(file)


@given(data=st.data())
def test_damaged_program_file_is_read_or_refused(device: Path, data: st.DataObject) -> None:
    whole = SMALL or _small(device)
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 8)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = sections(bytes(damaged))
    except ValueError:
        return
    assert all(len(content) <= len(damaged) for content in found.values())


SMALL = b""


def _small(device: Path) -> bytes:
    """An ELF file of few bytes, so that damage hits what matters."""
    global SMALL
    small = device.with_name("small")
    copy = [tool("objcopy"), "-O", "elf32-i386", "-j", SECTION, "-j", ".note.gnu.build-id"]
    subprocess.run([*copy, device, small], check=True)
    SMALL = small.read_bytes()
    return SMALL
