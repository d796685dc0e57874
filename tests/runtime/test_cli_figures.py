"""Tables of figures on terminals of any width, and where there is none."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from edgecore.cli.figures import Row, print_figures
from tests.runtime.test_bench import kept
from tests.runtime.test_cli import command, environment

pytestmark = pytest.mark.once

LONG = "yolov8n_full_integer_quant_of_the_camera_at_the_front_640x640.tflite on litert"


def seen(folder: Path, columns: int, *arguments: str) -> str:
    """What a terminal of that width gets, without its codes."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    where = {name: value for name, value in environment().items() if name != "COLUMNS"}
    with subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env={**where, "TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(slave)
        said = b""
        with suppress(OSError):  # the other side is closed
            while chunk := os.read(master, 4096):
                said += chunk
        assert process.wait() == 0
    os.close(master)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_a_comparison_keeps_its_ratio_and_its_verdict(tmp_path: Path, columns: int) -> None:
    kept(tmp_path, "a_board_of_last_spring", **{LONG: 12.3, "b": 20.0})
    kept(tmp_path, "another_board_of_autumn", **{LONG: 45.6, "b": 10.0})
    said = seen(
        *(tmp_path, columns, "bench", "--compare"),
        *("a_board_of_last_spring.json", "another_board_of_autumn.json"),
    )
    for figure in ("12.3 us", "45.6 us", "3.71", "slower", "20 us", "10 us", "0.50", "quicker"):
        assert figure in said
    assert max(map(len, said.splitlines())) <= columns


def test_a_pipe_gets_each_row_in_one_line(tmp_path: Path) -> None:
    kept(tmp_path, "before", **{LONG: 12.3})
    kept(tmp_path, "after", **{LONG: 45.6})
    where = {name: value for name, value in environment().items() if name != "COLUMNS"}
    done = subprocess.run(
        command("bench", "--compare", "before.json", "after.json"),
        cwd=tmp_path,
        env=where,
        capture_output=True,
        text=True,
    )
    line = next(line for line in done.stdout.splitlines() if LONG in line)
    assert line.split()[-6:] == ["12.3", "us", "45.6", "us", "3.71", "slower"]


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
@pytest.mark.parametrize("name", ["a", LONG])
def test_no_figure_is_lost_at_any_width(columns: int, name: str) -> None:
    threads = [f"{1 << power} threads" for power in range(7)]
    figures = [f"{number}.25 ms" for number in range(10, 18)]
    held = StringIO()
    print_figures(
        Console(file=held, width=columns), ["", *threads, "npu"], [Row(name, figures)], title="t"
    )
    said = held.getvalue()
    assert all(figure in said for figure in figures)
    assert "".join(name.split()) in "".join(said.split()) or columns < 200
    assert max(map(len, said.splitlines())) <= columns
