"""csrc/link compiled by itself, as firmware does, and under sanitizers."""

import json
import random
import struct
import subprocess
from pathlib import Path

import pytest

from firmware_bridge.manifest import make_manifest
from firmware_bridge.schema import COMPILED, Schema
from firmware_bridge.testing import image
from firmware_bridge.testing.ports import machines
from tests.link.compiling import program, tool
from tests.link.targets import MACHINES, need_qemu
from tests.reference import link_codec as reference

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent.parent
SOURCES = sorted((ROOT / "csrc" / "link").glob("*.c"))
FRAMES = json.loads((ROOT / "tests" / "vectors" / "frames.json").read_text())
STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror"]


HERE = Path(__file__).parent


def emulated(machine):
    """core.c as the image of a Cortex-M; its exit status is QEMU's."""
    need_qemu()
    startup = ROOT / "csrc/firmware/port/cortexm/startup.c"
    units = [HERE / "core.c", HERE / "semihosted.c", startup, *SOURCES]
    made = image.link(machines()[machine], units, ["--specs=rdimon.specs", "-Wl,--wrap=main"])
    return [
        *("qemu-system-arm", "-machine", machine, "-kernel", made, "-nodefaults"),
        *("-display", "none", "-semihosting-config", "enable=on,target=native"),
    ]


def runner(command):
    """Runs commands through core.c."""

    def run(*commands):
        done = subprocess.run(
            command, input="\n".join(commands) + "\n", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        answers = [[]]
        for line in done.stdout.splitlines():
            if line == "end":
                answers.append([])
            else:
                answers[-1].append(line)
        return answers[:-1]

    return run


@pytest.fixture(scope="module", params=["native", "bytewise", *MACHINES])
def core(request, tmp_path_factory):
    """core.c on this machine, under sanitizers, and on every emulated one."""
    if request.param in MACHINES:
        return runner(emulated(request.param))
    flags = ("-DEC_BYTEWISE",) if request.param == "bytewise" else ()
    to = tmp_path_factory.mktemp("core") / "core"
    return runner([program(to, HERE / "core.c", flags=flags)])


@pytest.fixture(scope="module")
def newer_core(tmp_path_factory):
    """The same, of a list with optional fields."""
    messages = ROOT / "tests" / "vectors" / "messages_v2.inc"
    to = tmp_path_factory.mktemp("newer") / "core"
    return runner([program(to, HERE / "core.c", messages=messages)])


def spoken(item):
    """The twin's answer as core.c prints it."""
    if isinstance(item, str):
        return item
    return f"{item[0]} {item[1]} {item[2]} {item[3]} {item[4].hex()}"


@pytest.mark.parametrize("name", ["cc", "clang", "arm-none-eabi-gcc"])
def test_core_compiles_freestanding_without_a_warning(name, tmp_path):
    for source in SOURCES:
        subprocess.run(
            [
                *(tool(name), *STRICT, "-ffreestanding", "-Os"),
                *("-I", ROOT / "csrc", "-c", source, "-o", tmp_path / "object.o"),
            ],
            check=True,
        )


def test_core_needs_nothing_but_copying_memory(tmp_path):
    """No malloc, no I/O: what is left undefined is what a compiler may call anyway."""
    undefined, defined = set(), set()
    for source in SOURCES:
        target = tmp_path / f"{source.stem}.o"
        subprocess.run(
            [tool("cc"), "-std=c99", "-O2", "-I", ROOT / "csrc", "-c", source, "-o", target],
            check=True,
        )
        listing = subprocess.run(
            [tool("nm"), "-P", target], check=True, capture_output=True, text=True
        )
        for line in listing.stdout.splitlines():
            name, kind = line.split()[:2]
            (undefined if kind == "U" else defined).add(name)
    allowed = {"memcpy", "memmove", "memset", "memchr", "strlen", "_GLOBAL_OFFSET_TABLE_"}
    assert undefined - defined - allowed - {"__stack_chk_fail"} == set()


@pytest.mark.parametrize("step", [1, 2, 7, 10_000])
def test_golden_bytes_decode_to_their_frames(core, step):
    answers = core(*(f"decode {step} {vector['wire']}" for vector in FRAMES))
    for vector, answer in zip(FRAMES, answers, strict=True):
        expected = [spoken(item) for item in reference.decode(bytes.fromhex(vector["wire"]))]
        assert answer == expected, vector["name"]


def test_frames_encode_as_the_twin_does(core):
    generator = random.Random(21)
    frames = [
        (bytes([1, 2, 3, 4]), generator.choice([generator.randbytes, bytes])(length))
        for length in [0, 1, 7, 63, 64, *range(244, 256), 498, 499, 500, 501, 511, 512]
    ]
    frames += [(header, body.replace(b"\0", b"\1")) for header, body in frames]
    answers = core(*(f"encode {(header + body).hex()}" for header, body in frames))
    for (header, body), (idle, busy) in zip(frames, answers, strict=True):
        expected = reference.encode(header[1], header[3], body, header[2], header[0])
        assert bytes.fromhex(busy) == expected
        assert bytes.fromhex(idle) == b"\0" + expected


def test_hostile_bytes_decode_as_the_twin_says(core):
    generator = random.Random(20)
    streams = []
    for _ in range(200):
        stream = bytearray()
        for _ in range(generator.randint(1, 5)):
            payload = generator.randbytes(generator.choice([0, 3, 64, 250, 512, 600]))
            wire = bytearray(reference.encode(generator.randrange(6), 1, payload))
            for _ in range(generator.choice([0, 0, 1, 3, 20])):
                wire[generator.randrange(len(wire))] = generator.choice([0, 1, 255, 40])
            stream += wire[: generator.choice([len(wire), len(wire) // 2])]
        streams.append(bytes(stream) + b"\0")
    answers = core(*(f"decode {generator.randint(1, 600)} {stream.hex()}" for stream in streams))
    for stream, answer in zip(streams, answers, strict=True):
        assert answer == [spoken(item) for item in reference.decode(stream)]


def test_dtypes_of_the_host_are_the_structs_of_the_firmware(core):
    (lines,) = core("layout")
    *lines, served = lines
    structs = {}
    for line in lines:
        if not line.startswith(" "):
            name, size = line.split()
            fields = structs[name] = (int(size), [])
        else:
            field, offset, size = line.split()
            fields[1].append((field, int(offset), int(size)))
    assert structs == {
        message.name: (
            message.dtype.itemsize,
            [
                (name, message.dtype.fields[name][1], message.dtype.fields[name][0].itemsize)
                for name in message.dtype.names
            ],
        )
        for message in COMPILED.messages
    }
    for message in COMPILED.messages:
        assert message.packing.size == message.size
    _, length, said, counted = served.split()
    assert said == counted == f"{COMPILED.hash:08x}"
    assert int(length) > 0


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("0102f401", "0102f40100"),
        ("0102f40101", "0102f40101"),
        ("0102f4", "refused"),  # half a field is none, and this one is required
        ("0102", "refused"),
        ("", "refused"),
        ("0102f40101ffff", "0102f40101"),  # a newer host says more
        ("0104f401", "refused"),  # out of bounds
        ("0102f40102", "refused"),
    ],
)
def test_record_of_another_length_is_cut_or_refused(core, record, expected):
    assert core(f"record 1 {record}") == [[expected]]


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("1 0102f401", 0),
        ("1 0102", 2),
        ("2 0001", 3),  # a command that has no function here
        ("64 00", 3),  # telemetry
        ("99 00", 3),
    ],
)
def test_only_what_is_registered_is_executed(core, command, status):
    assert core(f"execute {command}") == [[f"{status}"]]


def test_manifest_is_told_by_its_whole_name(core):
    names = ["f", "firmware", "firmwar", "firmware2", "x" * 15, "x" * 16, "x" * 17]
    for name in names[:-1]:
        made = make_manifest(b"image", version=1, sign=lambda _: bytes(64), name=name).pack().hex()
        answers = core(*(f"named {asked} {made}" for asked in names))
        assert answers == [["yes" if asked == name else "no"] for asked in names]


def test_bytes_that_are_no_manifest_are_known_as_such(core):
    made = make_manifest(b"image", version=1, sign=lambda _: bytes(64)).pack()
    another, empty = b"ECM2" + made[4:], made[:8] + bytes(4) + made[12:]
    assert core(*(f"named firmware {made.hex()}" for made in (another, empty))) == [
        ["no manifest"],
        ["no manifest"],
    ]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("0102f401", "0102f401000350fb" + "00" * 9),
        ("0102f4010009", "0102f401000950fb" + "00" * 9),
        ("0102f401000900", "0102f401000950fb" + "00" * 9),
        ("0102f40100090000", "0102f40100090000" + "00" * 9),
        ("0102f401000a", "refused"),  # present and out of bounds
    ],
)
def test_absent_optional_fields_get_what_the_list_declares(newer_core, record, expected):
    assert newer_core(f"record 1 {record}") == [[expected]]


def twin(info, body):
    """What the host's reading of the table makes of a record."""
    try:
        values = info.unpack(body)
    except ValueError:
        return "refused"
    flat = []
    for field in info.fields:
        value = values[field.name]
        if field.low is not None and not field.low <= value <= field.high:
            return "refused"
        flat += value if isinstance(value, list | tuple) else [value]
    return info.packing.pack(*flat).hex()


def test_firmware_and_host_read_any_record_alike(newer_core):
    (lines,) = newer_core("table")
    schema = Schema.parse(bytes.fromhex(lines[0]))
    assert len(schema.messages) > len(COMPILED.messages)
    generator = random.Random(21)
    asked, expected = [], []
    for _ in range(3000):
        info = generator.choice(schema.messages)
        # Often within the bounds; never a NaN, whose bits Python may change.
        some = range(4) if generator.random() < 0.7 else [b for b in range(255) if b != 0x7F]
        length = generator.randint(0, info.size + 3)
        body = bytes(generator.choice(some) for _ in range(length))
        asked.append(f"record {info.type} {body.hex()}")
        expected.append(twin(info, body))
    assert [answer for (answer,) in newer_core(*asked)] == expected
    assert 500 < expected.count("refused") < 2500


def test_bounds_hold_integers_of_any_size_on_either_side_of_zero_and_no_floats(tmp_path):
    released = (ROOT / "tests" / "vectors" / "messages_v1.inc").read_text()
    codes = ("i64", "f32", "i32", "i16", "i8")
    fields = "".join(f'EC_FIELD(own, {code}, an_{code}, "", 1, -5, 5)\n' for code in codes)
    own = f'EC_MESSAGE(own, OWN, "own", EC_CHANNEL_COMMAND, 0x33)\n{fields}EC_MESSAGE_END(own)\n'
    (tmp_path / "own.inc").write_text(f"{released}\n{own}")
    to = program(tmp_path / "core", HERE / "core.c", messages=tmp_path / "own.inc")
    run = runner([to])
    for code in codes:
        for value in (-6, -5, -1, 0, 5, 6):
            record = struct.pack("<qfihb", *(value if code == each else 0 for each in codes))
            ((said,),) = run(f"record {0x33} {record.hex()}")
            taken = code == "f32" or -5 <= value <= 5
            assert said[: 2 * len(record)] == (record.hex() if taken else "refused")
