"""What csrc/link costs a Cortex-M4, as its compiler's own tools count it: `make size`.

Flash is `arm-none-eabi-size`'s text of each object (code, constants, tables). RAM is the size of an
ec_session as `arm-none-eabi-nm` has it, less the three buffers for one frame each; the slots and
rings that the user chooses come on top. What a linker leaves of it all in the smallest device, that
device's loop and the C library's part included, is the next line; the images of all ports follow.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from firmware_bridge.errors import BridgeConnectionError
from firmware_bridge.testing.image import build, program
from firmware_bridge.testing.ports import machines, sources

FLAGS = ["-std=c99", "-Os", "-ffreestanding", "-mthumb", "-mcpu=cortex-m4", "-DEC_BYTEWISE"]
WITHOUT_KEY = "-DEC_NO_AUTH"
SMALLEST = Path(__file__).with_name("smallest_device.c")
LINKED = [
    *("-flto", "-ffunction-sections", "-fdata-sections", "-nostartfiles", "--specs=nano.specs"),
    *("-Wl,--gc-sections", "-Wl,--entry=reset_handler", "-Wl,--fatal-warnings"),
]
CODEC = ("cobs", "crc32c", "frame")
BUFFERS = ("body", "receive", "wire")
RAM_PROBE = f"""
#include "link/session.h"
char session[sizeof(ec_session)];
char buffers[{" + ".join(f"sizeof(((ec_session*)0)->{name})" for name in BUFFERS)}];
char slots[2 * sizeof(ec_slot)];
"""


class Figure(NamedTuple):
    """A size in bytes, and the most it should be; None: no such figure."""

    name: str
    size: int
    reach: int | None = None


class Sections(NamedTuple):
    """One line of `arm-none-eabi-size`, bytes."""

    text: int
    data: int
    bss: int


def compiled(source: Path, folder: Path, *flags: str) -> Path:
    """The object of a C file, for a port without a key unless other flags are given."""
    made = folder / f"{source.stem}.o"
    chosen = [*FLAGS, *(flags or (WITHOUT_KEY,))]
    command = [program("arm-none-eabi-gcc"), *chosen, "-I", sources(), "-c", source, "-o", made]
    subprocess.run(command, check=True)
    return made


def smallest(folder: Path) -> Path:
    """The smallest device, linked with what it uses of csrc/link."""
    made = folder / "smallest.elf"
    units = [SMALLEST, *sorted((sources() / "link").glob("*.c"))]
    command = [program("arm-none-eabi-gcc"), *FLAGS, WITHOUT_KEY, *LINKED, "-I", sources()]
    subprocess.run([*command, *units, "-o", made], check=True)
    return made


def sections(path: Path) -> Sections:
    """What an object or an image takes."""
    said = subprocess.run(
        ["arm-none-eabi-size", path], check=True, capture_output=True, text=True
    ).stdout
    return Sections(*map(int, said.splitlines()[1].split()[:3]))


def constants(path: Path) -> int:
    """Bytes of an object that are tables and texts, not code."""
    said = subprocess.run(
        ["arm-none-eabi-size", "-A", path], check=True, capture_output=True, text=True
    ).stdout
    rows = (line.split() for line in said.splitlines())
    return sum(int(row[1]) for row in rows if row and row[0].startswith(".rodata"))


def symbols(path: Path) -> dict[str, int]:
    """The size of each symbol of an object."""
    said = subprocess.run(
        ["arm-none-eabi-nm", "-S", "-P", "-t", "d", path],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    rows = (line.split() for line in said.splitlines())
    return {row[0]: int(row[3]) for row in rows if len(row) == 4}


def figures() -> list[Figure]:
    """All of them, the codec's files and the others' after each sum."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = sorted((sources() / "link").glob("*.c"))
        objects = [compiled(source, folder) for source in files]
        flash = {path.stem: sections(path).text for path in objects}
        tables = sum(map(constants, objects))
        probe = folder / "probe.c"
        probe.write_text(RAM_PROBE)
        ram = symbols(compiled(probe, folder))
        keyed_ram = symbols(compiled(probe, folder, *FLAGS))
        keyed = [compiled(source, folder, *FLAGS) for source in files]
        keyed_flash = sum(sections(path).text for path in keyed)
        device = sections(smallest(folder))
    found = [Figure("codec, flash", sum(flash[part] for part in CODEC), 600)]
    found += [Figure(f"  {part}.c", flash[part]) for part in CODEC]
    found += [Figure("link, flash, codec included", sum(flash.values()), 4096)]
    found += [Figure(f"  {part}.c", size) for part, size in flash.items() if part not in CODEC]
    found += [
        Figure("  of all this, tables and texts", tables),
        Figure("smallest device, linked with -flto, flash", device.text + device.data),
        Figure("session, RAM without buffers", ram["session"] - ram["buffers"], 512),
        Figure("  its buffers for three frames", ram["buffers"]),
        Figure("  a request each way in flight, without payloads", ram["slots"]),
        Figure("a key (no EC_NO_AUTH), more flash", keyed_flash - sum(flash.values())),
        Figure("  more RAM of a session", keyed_ram["session"] - ram["session"]),
    ]
    for machine, port in machines().items():
        image = sections(build(port))
        found += [Figure(f"image for {machine}, flash", image.text + image.data)]
        found += [Figure("  RAM, stack apart", image.data + image.bss)]
    return found


def main() -> int:
    """Prints the table; 1 when the compiler is missing."""
    try:
        version = subprocess.run(
            [program("arm-none-eabi-gcc"), "--version"], check=True, capture_output=True, text=True
        ).stdout.splitlines()[0]
        rows = figures()
    except BridgeConnectionError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{version}; {' '.join([*FLAGS, WITHOUT_KEY])}\n")
    for name, size, reach in rows:
        bound = "" if reach is None else f"  reach {reach:,}{'' if size <= reach else ', missed'}"
        print(f"{name:<50}{size:>8,} B{bound}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
