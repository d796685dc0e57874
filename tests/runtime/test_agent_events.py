"""The diary: an event is in the file before the next thing happens; a full disk loses none."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgecore.agent import EventLog
from edgecore.agent import events as diary
from edgecore.agent.summary import write_summary
from edgecore.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def numbers(path: Path) -> list[int]:
    return [json.loads(line)["number"] for line in path.read_text().splitlines()]


def test_events_before_the_file_is_open_come_first_in_it(tmp_path: Path) -> None:
    log = EventLog()
    log.write("early", number=0)
    log.open(tmp_path / "events.jsonl")
    log.write("late", number=1)
    assert numbers(tmp_path / "events.jsonl") == [0, 1]
    log.close()
    log.write("too late", number=2)
    assert numbers(tmp_path / "events.jsonl") == [0, 1]


def test_lines_of_many_threads_are_whole_and_lie_in_the_order_of_their_times(
    tmp_path: Path,
) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    start = threading.Barrier(8)

    def write() -> None:
        start.wait()
        for number in range(200):
            log.write("counted", number=number)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    records = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert len(records) == 8 * 200
    assert [record["t_ns"] for record in records] == sorted(record["t_ns"] for record in records)


def test_full_disk_stops_nobody_and_what_waited_is_written_when_there_is_room(
    tmp_path: Path,
) -> None:
    told: list[dict[str, Any]] = []
    log = EventLog(tmp_path / "events.jsonl", told.append)
    with disk_of(500):
        for number in range(20):
            log.write("counted", number=number)
        assert log.error is not None
        assert (tmp_path / "events.jsonl").stat().st_size == 500
    log.write("counted", number=20)
    assert log.error is None
    log.close()
    assert numbers(tmp_path / "events.jsonl") == list(range(21))
    assert len(told) == 21
    assert log.lost == 0


def test_what_waits_for_a_full_disk_is_bounded_and_the_rest_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diary, "KEPT_BYTES", 1000)
    log = EventLog()
    for number in range(100):
        log.write("counted", number=number)
    log.open(tmp_path / "events.jsonl")
    log.close()
    kept = numbers(tmp_path / "events.jsonl")
    assert kept == list(range(len(kept)))
    assert len(kept) + log.lost == 100
    assert log.lost > 0


def test_every_event_whose_writing_returned_survives_a_kill(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom edgecore.agent import EventLog\n"
        "log = EventLog(Path(sys.argv[1]))\n"
        "for number in range(10**9):\n"
        "    log.write('counted', number=number)\n"
        "    print(number, flush=True)\n"
    )
    path = tmp_path / "events.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    with process.stdout as lines:
        seen = [int(lines.readline()) for _ in range(500)]
        process.kill()
        seen += [int(line) for line in lines if line.endswith("\n")]
    process.wait()
    whole = path.read_text().rpartition("\n")[0].splitlines()
    written = [json.loads(line)["number"] for line in whole]
    assert written == list(range(len(written)))
    assert len(written) >= len(seen) >= 500


def test_summary_that_cannot_be_written_names_the_file_and_leaves_no_part_of_it(
    tmp_path: Path,
) -> None:
    with (
        disk_of(4),
        pytest.raises(ConfigError, match=r"out: .*summary\.json: cannot be written: File too"),
    ):
        write_summary(tmp_path / "summary.json", {"frames": 1})
    assert list(tmp_path.iterdir()) == []
