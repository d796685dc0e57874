"""A device that was kept from running stamps nothing with a time from before it came."""

import subprocess
from pathlib import Path

import pytest

from tests.link.compiling import ROOT, program

pytestmark = pytest.mark.once

FIRMWARE = ROOT / "csrc" / "firmware"
PORT = [*(f"host/{part}.c" for part in ("board", "build", "flash", "queue")), "vehicle/drive.c"]


def test_ping_is_stamped_no_earlier_than_it_came(tmp_path):
    sources = [
        Path(__file__).parent / "starving.c",
        *sorted((FIRMWARE / "core").glob("*.c")),
        *((FIRMWARE / "port") / name for name in PORT),
    ]
    said = subprocess.run(
        [program(tmp_path / "starving", *sources, flags=("-Wl,--build-id=sha1", "-lm"))],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.splitlines()
    assert len(said) == 3
    for came_us, stamped_us in (map(int, line.split()) for line in said):
        assert stamped_us >= came_us
