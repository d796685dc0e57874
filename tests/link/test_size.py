"""The sizes that `make size` prints are those of the compiler's own tools."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import pytest

from bench import firmware_size
from firmware_bridge.testing.image import build
from firmware_bridge.testing.ports import machines, sources
from tests.link.targets import need_qemu

pytestmark = pytest.mark.once


def test_sizes_are_those_of_the_sections_of_the_objects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need_qemu()
    for source in sorted((sources() / "link").glob("*.c")):
        firmware_size.compiled(source, tmp_path)
    assert firmware_size.main() == 0
    printed = {}
    for line in capsys.readouterr().out.splitlines()[2:]:
        printed[line[:50].strip()] = int(line[50:58].replace(",", ""))
    objects = {path.stem: flash(path) for path in tmp_path.glob("*.o")}
    assert printed["codec, flash"] == sum(objects[p] for p in ("cobs", "crc32c", "frame"))
    assert printed["link, flash, codec included"] == sum(objects.values())
    for part, size in objects.items():
        assert printed[f"{part}.c"] == size
    for machine, port in machines().items():
        assert printed[f"image for {machine}, flash"] == flash(build(port))


def flash(path: Path) -> int:
    """Bytes of all sections that are loaded and are not bss, as the section table has them."""
    table = subprocess.run(
        ["arm-none-eabi-objdump", "-h", path], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return sum(
        int(line.split()[2], 16)
        for line, flags in itertools.pairwise(table)
        if line.split()[:1] and line.split()[0].isdecimal() and "LOAD" in flags
    )


def test_ram_is_that_of_a_sessions_struct(tmp_path: Path) -> None:
    need_qemu()
    probe = tmp_path / "probe.c"
    probe.write_text(firmware_size.RAM_PROBE)
    sizes = firmware_size.symbols(firmware_size.compiled(probe, tmp_path))
    assert sizes["buffers"] == 512 + 520 + 525
    assert sizes["session"] > sizes["buffers"]
