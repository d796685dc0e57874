"""A recording that a loss of power cut short as the device under test."""

from __future__ import annotations

import re
from pathlib import Path

from firmware_bridge.recording import Recording
from tests.hil.strangers import THREE_LINES, run, write
from tests.link import drive


def test_recording_that_was_cut_is_played_and_the_run_says_so(tmp_path: Path) -> None:
    drive.record(tmp_path / "drive.pcapng", 1.0)
    whole = (tmp_path / "drive.pcapng").read_bytes()
    (tmp_path / "cut.pcapng").write_bytes(whole[:-3])
    *before, last = Recording(tmp_path / "drive.pcapng")
    at = whole.rindex(last.data) - 28
    write(tmp_path, test_alert=THREE_LINES)
    done = run(tmp_path, "-q", "--edge-target", "replay:cut.pcapng")
    assert "1 passed in" in done.stdout
    told = re.findall(r"^edgecore: (cut.pcapng: .*)$", done.stdout, re.M)
    where = f"in the block at byte {at}; whole frames before it: {len(before)}"
    assert told == [f"cut.pcapng: cut off or damaged {where}"]
    done = run(tmp_path, "-q", "--edge-target", "replay:drive.pcapng")
    assert "1 passed in" in done.stdout
    assert "cut off" not in done.stdout
