"""`edgecore link monitor`: what a device says, as it says it."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecore.cli.command import Argument, Command
from edgecore.cli.float_range import FloatRange
from edgecore.cli.key import connected, key_file_option

from .duration import duration_option
from .interruption import interruption
from .log_table import log_files_option, log_tables
from .wording import fields_text

if TYPE_CHECKING:
    from rich.console import Group

    from firmware_bridge import Link, LogRecord, MessageInfo, StateChange, Subscription
    from firmware_bridge.log_table import LogTables

EXAMPLES = """\b
Examples:
  edgecore link monitor sim:
  edgecore link monitor "serial:///dev/ttyACM0?baud=921600"
  edgecore link monitor /dev/ttyACM0 --duration 10 > seen.txt
  edgecore link monitor /dev/ttyACM0 --key-file /etc/edgecore/link.key

Away from a terminal it prints lines: every change of state, every log line, and once an interval
the state of the link and one line for each message.
"""
_DATA_CHANNELS = {2, 3}
_LOG_CHANNEL = 3
_LOOK_S = 0.1
_LOG_LINES = 8


@click.command("monitor", cls=Command, epilog=EXAMPLES)
@click.argument("url", cls=Argument, help="The device, as for `edgecore run --link`.")
@duration_option
@click.option(
    "--interval",
    type=FloatRange(0.1, 60),
    default=1.0,
    metavar="S",
    help="Between lines, or over which rates are.",
)
@log_files_option
@key_file_option
def monitor(
    url: str,
    duration: float | None,
    interval: float,
    logs: tuple[Path, ...],
    key_file: Path | None,
) -> None:
    """Watch a link: its state and counters, each message's rate and last values, log lines.

    It commands nothing and vouches for nothing, so the firmware stays in its safe state.
    """
    from rich.console import Console

    console = Console()
    tables = log_tables(logs)
    changes: deque[StateChange] = deque()
    with connected(url, key_file, on_state=changes.append) as link, interruption() as came:
        watch = Watch(link, tables)
        view = _Live(console) if console.is_terminal else _Lines()
        with view:
            begin = last = time.monotonic()
            while not came.wait(_LOOK_S):
                now = time.monotonic()
                over = duration is not None and now - begin >= duration
                while changes:
                    view.change(changes.popleft())
                for line in watch.collect():
                    view.log(line)
                if over or now - last >= interval:
                    watch.tick(now - last)
                    view.show(watch)
                    last = now
                if over:
                    return


class Message:
    """What has come of one message."""

    def __init__(self, info: MessageInfo, subscription: Subscription) -> None:
        self.info = info
        self.subscription = subscription
        self.count = 0
        self.rate = 0.0
        self.last: dict[str, Any] = {}
        self.units = {field.name: field.unit for field in info.fields if field.unit}
        self._before = 0

    def collect(self) -> None:
        """Takes new records, and keeps the last one's fields in units."""
        batch = self.subscription.read()
        if batch is None:
            return
        self.count += len(batch)
        fields = [field for field in self.info.fields if field.name in (batch.dtype.names or ())]
        self.last = {field.name: field.physical(batch[-1][field.name].tolist()) for field in fields}

    def tick(self, seconds: float) -> None:
        """Ends an interval: records per second in it."""
        self.rate = (self.count - self._before) / seconds
        self._before = self.count


class Watch:
    """All messages of a device; a device that comes back with another table is followed."""

    def __init__(self, link: Link, tables: LogTables) -> None:
        self.link = link
        self.logs = link.logs(tables)
        self.messages: list[Message] = []
        self._hash: int | None = None

    def collect(self) -> list[str]:
        """Takes what has come; returns new log lines."""
        schema = self.link.schema
        if schema.hash != self._hash:
            for message in self.messages:
                message.subscription.close()
            self._hash = schema.hash
            self.messages = [
                Message(info, self.link.subscribe(info.name))
                for info in schema.messages
                if info.channel in _DATA_CHANNELS and info.size and not _is_log(info)
            ]
        for message in self.messages:
            message.collect()
        lines = []
        while (record := self.logs.read()) is not None:
            lines.append(_log_text(record))
        return lines

    def tick(self, seconds: float) -> None:
        """Ends an interval."""
        for message in self.messages:
            message.tick(seconds)

    @property
    def heard(self) -> list[Message]:
        """Messages that have come."""
        return [message for message in self.messages if message.count]

    @property
    def state(self) -> str:
        """The link in one line."""
        link, stats = self.link, self.link.stats
        words = [link.state, link.state_reason]
        if link.info.authenticated:
            words.append("authenticated")
        elif link.info.keyed:
            words.append("listening only: the device has a key")
        if stats.srtt_us:
            words.append(f"rtt {stats.srtt_us} us")
        if link.clock.error_ns is not None:
            words.append(f"clock ±{link.clock.error_ns / 1000:.0f} us")
        damaged, missing = sum(stats.errors.values()), sum(stats.gaps.values())
        where = ", ".join(f"{name} {gaps}" for name, gaps in stats.gaps.items() if gaps)
        words.append(f"{stats.frames} frames, {damaged} damaged, {missing} missing")
        if missing:
            words[-1] += f" ({where})"
        return "; ".join(words)


def _is_log(info: MessageInfo) -> bool:
    """Whether its records are log lines."""
    return info.channel == _LOG_CHANNEL and any(field.name == "text" for field in info.fields)


def _log_text(record: LogRecord) -> str:
    where = f"  [{record.file}:{record.line}]" if record.file is not None else ""
    lost = f"  ({record.missing} lines missing before)" if record.missing else ""
    when = f"{record.t_us / 1e6:.3f} " if record.t_us is not None else ""
    return f"log {when}{record.level}: {record.text}{where}{lost}"


class _Lines:
    """Plain lines, for files and pipes."""

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def change(self, change: StateChange) -> None:
        print(f"state {change.state}: {change.reason}", flush=True)

    def log(self, line: str) -> None:
        print(line, flush=True)

    def show(self, watch: Watch) -> None:
        print(f"link {watch.state}")
        for message in watch.heard:
            values = fields_text(message.last, message.units)
            print(f"{message.info.name} {message.rate:.1f}/s  {values}", flush=True)


class _Live:
    """A table in a terminal, and the last log lines under it."""

    def __init__(self, console: Any) -> None:
        from rich.live import Live

        self._live = Live(console=console, auto_refresh=False)
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)

    def __enter__(self) -> _Live:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def change(self, change: StateChange) -> None:
        self._lines.append(f"state {change.state}: {change.reason}")

    def log(self, line: str) -> None:
        self._lines.append(line)

    def show(self, watch: Watch) -> None:
        self._live.update(self._page(watch), refresh=True)

    def _page(self, watch: Watch) -> Group:
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD)
        for column, justify in (("message", "left"), ("/s", "right"), ("records", "right")):
            table.add_column(column, justify=justify)  # type: ignore[arg-type]
        table.add_column("last", overflow="fold")
        for message in watch.heard:
            table.add_row(
                message.info.name,
                f"{message.rate:.1f}",
                str(message.count),
                Text(fields_text(message.last, message.units)),
            )
        return Group(Text(watch.state), table, *(Text(line) for line in self._lines))
