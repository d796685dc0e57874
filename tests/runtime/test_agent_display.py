"""What a person sees: it fits the terminal, says events in words, and outlives its reader."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest
from rich.console import Console

from edgecore.agent import Agent, EventLog
from edgecore.agent.display import LINE_EVERY_S, Display, Voice

from .agent_parts import Clockwork, IdealDetector


def agent_in(folder: Path) -> Agent:
    return Agent(Clockwork(0.2), IdealDetector(0), EventLog(folder / "events.jsonl"))


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_table_fits_the_terminal(tmp_path: Path, width: int) -> None:
    agent = agent_in(tmp_path)
    agent.run()
    console = Console(file=io.StringIO(), width=width, height=60, force_terminal=True)
    shown = console.render_lines(Display(console)._table(agent), pad=False)
    lines = ["".join(segment.text for segment in line).rstrip() for line in shown]
    assert max(map(len, lines)) <= width
    assert all(line[0] in "┌│├└" and line[-1] in "┐│┤┘" for line in lines if "│" in line)
    assert "frames" in "".join(lines)


def test_a_display_that_stood_still_says_once_where_the_run_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = agent_in(tmp_path)
    agent.run()
    text, now_s = io.StringIO(), time.monotonic()
    monkeypatch.setattr("edgecore.agent.display.time.monotonic", lambda: now_s)
    display = Display(Console(file=text, width=200))
    display.follow(agent)
    for wait_s in (0.1, LINE_EVERY_S, 0.1, 600.0, 0.1, 0.1, LINE_EVERY_S):
        now_s += wait_s
        display.tick()
    assert text.getvalue().count("fps") == 3


def test_no_colour_is_no_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = io.StringIO()
    console = Console(file=text, width=80, force_terminal=True, color_system="standard")
    display = Display(console)
    display.event({"event": "link_down", "reason": "gone"})
    assert "link down" in text.getvalue()
    assert "\x1b[3" not in text.getvalue().replace("\x1b[3m", "")


def test_markup_in_a_name_is_shown_as_it_is(tmp_path: Path) -> None:
    text = io.StringIO()
    Display(Console(file=text, width=80)).event(
        {"event": "source_error", "reason": "[red]odd[/] [name].jpg: damaged"}
    )
    assert text.getvalue() == "source: [red]odd[/] [name].jpg: damaged\n"


@pytest.mark.parametrize("trouble", ["nobody reads", "disk full"])
def test_voice_falls_silent_instead_of_failing(trouble: str) -> None:
    if trouble == "disk full":
        out = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, out = os.pipe()
        os.close(reader)
    with open(out, "w") as file:
        voice = Voice(file=file)
        voice.print("one")
        voice.print("two")
        assert voice.quiet
