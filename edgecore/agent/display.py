"""What a person sees of a run: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from .agent import Agent

LINE_EVERY_S = 5.0
OUTCOMES = {
    "refused": "refused by the firmware",
    "not_sent": "not sent",
    "unknown": "sent, outcome unknown",
}

COLLISION_FACTS = {"ttc_s", "ego_speed_mps", "class_name"}
"""By these an alert of the collision rule is known; others may have some of them."""

PIPELINE_WORDS = {
    "source_error": "[yellow]source[/]",
    "source_failed": "[red]source failed[/]",
    "source_lost": "[yellow]source lost[/]",
    "source_back": "[green]source back[/]",
    "engine_error": "[yellow]engine[/]",
    "engine_failed": "[red]engine failed[/]",
    "governor": "[yellow]governor[/]",
    "swap_refused": "[red]new model refused[/]",
    "swapped": "[yellow]new model[/]",
    "swap_confirmed": "[green]new model stays[/]",
    "swap_rolled_back": "[red]old model is back[/]",
}


class Voice(Console):
    """A console that falls silent when nobody reads it any more, or its disk is full.

    What it is told about goes on all the same: `edgecore run | head` is no reason to stop watching.
    """

    def print(self, *objects: Any, **how: Any) -> None:
        """As any console does, without an error."""
        try:
            super().print(*objects, **how)
        except OSError:
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        """Be quiet from now on; the interpreter's last flush goes nowhere too."""
        self.quiet = True
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.file.fileno())
            os.close(nowhere)


class Display:
    """Shows an agent's run; a context manager, so that the terminal is left as it was.

    Args:
        console: a terminal gets a live table, anything else plain lines.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._agent: Agent | None = None
        self._line_due_s = 0.0
        self._links_up = 0
        self._live: Live | None = None

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def follow(self, agent: Agent) -> None:
        """Show this agent from now on."""
        self._agent = agent
        self._line_due_s = time.monotonic() + LINE_EVERY_S
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()

    def tick(self) -> None:
        """Bring the display up to date; cheap enough for ten times a second."""
        if self._agent is None:
            return
        if self._live is not None:
            self._live.update(self._table(self._agent), refresh=True)
        elif (now_s := time.monotonic()) >= self._line_due_s:
            missed = (now_s - self._line_due_s) // LINE_EVERY_S
            self._line_due_s += (missed + 1) * LINE_EVERY_S
            self._console.print(self._line(self._agent), highlight=False, soft_wrap=True)

    def event(self, record: dict[str, Any]) -> None:
        """Say one event in a line, if it is one for people."""
        text = self._sentence(record)
        if text:
            self._console.print(text, highlight=False, soft_wrap=True)

    def _sentence(self, record: dict[str, Any]) -> str:
        kind = record["event"]
        if kind == "rule" or (kind == "alert" and COLLISION_FACTS - record.keys()):
            return _rule(record)
        if kind == "alert":
            speed = record["ego_speed_mps"]
            at = "speed unknown" if speed is None else f"at {speed * 3.6:.0f} km/h"
            return (
                f"[bold red]ALERT {record['alert']}[/]: {escape(record['class_name'])} ahead, "
                f"{record['ttc_s']:.1f} s to collision, {at} (frame {record['frame']})"
            )
        if kind == "alert_result":
            return _result(record)
        if kind == "link_up":
            self._links_up += 1
            if self._links_up == 1:
                return ""
            return f"[green]link up again[/]: {escape(record['firmware'])}"
        if kind == "link_down":
            return f"[yellow]link down[/]: {escape(record['reason'])}; trying to reconnect"
        if kind == "firmware_safe" and self._agent is not None and self._agent.tally.frames:
            return "[yellow]the firmware is in its safe state[/]"
        if kind == "stalled":
            return f"[yellow]no frame finished for {record['no_frame_for_s']:.0f} s[/]"
        if kind == "resumed":
            return "frames are coming again"
        if kind == "flight":
            return f"flight recorded: {escape(record['path'])}"
        if kind == "flight_failed":
            return f"[yellow]no flight recorded[/]: {escape(record['reason'])}"
        if kind in PIPELINE_WORDS:
            return f"{PIPELINE_WORDS[kind]}: {escape(record['reason'])}"
        return ""

    def _line(self, agent: Agent) -> str:
        now = agent.tally.now()
        parts = [
            f"{now.elapsed_s:6.1f} s",
            f"{now.frames} frames",
            f"{now.fps:.1f} fps",
            f"pre {now.preprocess_ms:.2f} + invoke {now.invoke_ms:.2f} + post "
            f"{now.postprocess_ms:.2f} ms",
            counted(now.objects),
        ]
        if agent.source.live:
            parts.append(f"{agent.dropped} dropped")
        if agent.uplink is not None:
            view = agent.uplink.view()
            parts.append(f"alerts {view.alerts_acknowledged}/{view.alerts}")
            parts.append(f"link {view.state}" + (f", {view.firmware}" if view.firmware else ""))
        return escape("  ".join(parts))

    def _table(self, agent: Agent) -> Table:
        now = agent.tally.now()
        table = Table(
            title=escape(agent.source.description), show_header=False, title_justify="left"
        )
        table.add_column(style="dim")
        table.add_column(min_width=min(44, max(1, self._console.width - 16)))
        dropped = f", {agent.dropped} dropped" if agent.source.live else ""
        table.add_row(
            "frames", f"{now.frames} in {now.elapsed_s:.1f} s, {now.fps:.1f} fps{dropped}"
        )
        table.add_row(
            "per frame",
            f"preprocess {now.preprocess_ms:.2f}  invoke {now.invoke_ms:.2f}  "
            f"postprocess {now.postprocess_ms:.2f} ms",
        )
        table.add_row("in view", escape(counted(now.objects)))
        ttc = "-" if now.ttc_s is None else f"{now.ttc_s:.1f} s"
        danger = f"[bold red]{now.danger}[/]" if now.danger != "clear" else now.danger
        table.add_row("collision", f"{danger}, time to collision {ttc}")
        if agent.uplink is not None:
            view = agent.uplink.view()
            speed = "-" if view.speed_mps is None else f"{view.speed_mps * 3.6:.0f} km/h"
            state = "[green]up[/]" if view.state == "up" else "[red]down[/]"
            table.add_row("link", f"{state}  firmware {view.firmware or '-'}  speed {speed}")
            table.add_row("telemetry", f"{view.telemetry_records} records")
            table.add_row("alerts", f"{view.alerts}, {view.alerts_acknowledged} acknowledged")
        return table


def counted(objects: Counter[str]) -> str:
    """`2 car, 1 person`, the most frequent first."""
    if not objects:
        return "nothing in view"
    return ", ".join(f"{count} {name}" for name, count in objects.most_common())


def _rule(record: dict[str, Any]) -> str:
    who = ", ".join(str(tracker_id) for tracker_id in record["tracker_ids"])
    about = f" of object {who}" if who else ""
    why = f": {record['reason']}" if "reason" in record else ""
    text = escape(f"{record['rule']}: {record['kind']}{about}{why} (frame {record['frame']})")
    return f"[bold red]ALERT {record['alert']}[/]: {text}" if "alert" in record else text


def _result(record: dict[str, Any]) -> str:
    number, outcome = record["alert"], record["outcome"]
    if outcome == "done":
        return f"alert {number}: acknowledged by the firmware after {record['after_ms']:.1f} ms"
    reason = f" ({escape(record['reason'])})" if record.get("reason") else ""
    return f"[yellow]alert {number}: {OUTCOMES.get(outcome, escape(outcome))}[/]{reason}"
