"""The host's end of a link, as programs use it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from firmware_bridge import trace
from firmware_bridge._carrier import Carrier, traced
from firmware_bridge._codec import BODY_MAX
from firmware_bridge._link import PAYLOAD_MAX
from firmware_bridge.connection import Connection
from firmware_bridge.errors import BridgeConnectionError, BridgeTimeoutError, LinkClosedError
from firmware_bridge.facts import LinkInfo, LinkStats, State, StateChange
from firmware_bridge.key import Key, read_key
from firmware_bridge.log_table import LogTable, LogTables
from firmware_bridge.logs import LogRecord, Logs
from firmware_bridge.manifest import Manifest
from firmware_bridge.messages import Message, message_class
from firmware_bridge.requests import Outcomes, Result
from firmware_bridge.schema import MessageInfo, Schema
from firmware_bridge.subscription import Records, Subscription
from firmware_bridge.transfer import Progress, Transfer, read

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from firmware_bridge.answers import Answers


class Link:
    """A link to firmware; made by `connect`. All methods may be called from any thread.

    When the line or the device goes away, the link reconnects in the background. Requests in flight
    go on if the device was not reset meanwhile; otherwise they end as what they are, see `request`.

    Attributes:
        url: as given to `connect`.
        clock: the device's clock against the host's.
    """

    def __init__(
        self,
        url: str,
        *,
        on_state: Callable[[StateChange], None] | None = None,
        reconnect: bool = True,
        key: Key | None = None,
        require_authentication: bool = True,
        trace_bytes: int = 0,
    ) -> None:
        """Starts to connect; `connect` also waits for it."""
        if not isinstance(url, str):
            raise TypeError(f"expected a URL as text, got {type(url).__name__}")
        self.url = url
        self._process = os.getpid()
        self._connection = Connection(
            url,
            on_state=on_state,
            reconnect=reconnect,
            key=None if key is None else read_key(key),
            require_authentication=require_authentication,
            trace_bytes=trace_bytes,
        )
        self.clock = self._connection.clock
        self._answers_by_loop: WeakKeyDictionary[AbstractEventLoop, Answers] = WeakKeyDictionary()

    @property
    def state(self) -> State:
        """ "connecting" at first, "open", "lost" while reconnecting, "closed" for good."""
        return self._connection.change.state

    @property
    def state_reason(self) -> str:
        """Why the link is in its state."""
        return self._connection.change.reason

    @property
    def line(self) -> str:
        """What carries the link, with what its driver granted; that of before while it is lost."""
        return self._connection.line

    @property
    def schema(self) -> Schema:
        """The device's messages; this package's own before the first connection."""
        return self._connection.schema

    @property
    def info(self) -> LinkInfo:
        """What the device said of itself when the link was last opened."""
        peer = self._connection.carrier.peer
        return LinkInfo(
            protocol=min(1, peer["protocol_max"]),
            name=peer["name"],
            version=peer["version"],
            boot_id=peer["boot_id"],
            schema_hash=peer["schema_hash"],
            body_max=min(BODY_MAX, peer["body_max"]),
            payload_max=min(PAYLOAD_MAX, peer["slot_bytes"]),
            window=peer["window"],
            keyed=peer["keyed"],
            authenticated=self._connection.carrier.authenticated,
        )

    @property
    def stats(self) -> LinkStats:
        """Counters since the link was made."""
        return LinkStats(
            **self._connection.carrier.stats, undelivered=self._connection.carrier.undelivered
        )

    def message(self, name: str) -> type[Message]:
        """A class for a message of the device's, also one that this package does not know.

        Raises:
            ValueError: the device has no such message.
        """
        info = self._connection.schema.by_name.get(name)
        if info is None:
            raise ValueError(f"no message {name!r}; the device has {self._names()}")
        return message_class(info)

    def _names(self) -> str:
        return ", ".join(self._connection.schema.by_name)

    def _here(self) -> Carrier:
        """The carrier, in the process that made the link: a fork has no thread to carry it."""
        if os.getpid() != self._process:
            raise LinkClosedError(f"{self.url}: the link stayed in the process that was forked")
        return self._connection.carrier

    def submit(self, message: Message, timeout: float | None = 1.0) -> Future[Result]:
        """Queues a request and returns at once; the future ends as `request` does.

        Requests of a link are executed in the order in which they were submitted.

        Raises:
            ValueError: the device is older or newer than the message in a way that matters, see
                `Message.pack_for`.
        """
        info, record = self._sendable(message)
        return self._connection.requests.submit(info.name, info.channel, info.type, record, timeout)

    def _sendable(self, message: Message) -> tuple[MessageInfo, bytes]:
        """The message, and its record as this device takes it: it may be older or newer than we."""
        if not isinstance(message, Message):
            raise TypeError(f"expected a message such as Alert, got {type(message).__name__}")
        self._here()
        info = message.info
        known = self._connection.schema.by_type.get(info.type)
        if known is None or known is info:
            return info, message.pack()
        if known.name != info.name:
            raise ValueError(
                f"type {info.type} is {known.name} on this device, not {info.name}; "
                f"use link.message({info.name!r})"
            )
        return info, message.pack_for(known)

    def request(self, message: Message, timeout: float | None = 1.0) -> Result:
        """The device's answer to a request that it executed, exactly once.

        Args:
            message: what to do.
            timeout: its deadline, s: the device does not begin it later, and the caller does not
                wait longer; None: both do.

        Raises:
            RefusedError: the device did not execute it; `.status` says why.
            BridgeTimeoutError: no answer in time; `.may_run` says whether it may still run.
            UnknownOutcomeError: the device was reset after it was sent.
            LinkBusyError, LinkClosedError: it was not sent.
            RuntimeError: called in a callback of the link; `submit` may be.
        """
        self._refuse_own_thread("request")
        info, record = self._sendable(message)
        return self._connection.requests.ask(info.name, info.channel, info.type, record, timeout)

    async def request_async(self, message: Message, timeout: float | None = 1.0) -> Result:
        """As `request`, for asyncio: other tasks run while it waits."""
        info, record = self._sendable(message)
        return await self._connection.requests.ask_async(
            info.name, info.channel, info.type, record, timeout, self._answers()
        )

    def _answers(self) -> Answers:
        """Of the running event loop."""
        import asyncio  # only those who use it pay for its import

        from firmware_bridge.answers import Answers

        loop = asyncio.get_running_loop()
        known = self._answers_by_loop.get(loop)
        if known is None:
            known = self._answers_by_loop[loop] = Answers(loop, self._connection.carrier)
        return known

    def request_many(self, name: str, records: Records, timeout: float | None = 1.0) -> Outcomes:
        """Sends many commands of one kind as fast as the device takes them; waits for all ends.

        They are executed in their order, each exactly once. No Python runs between them.

        Args:
            name: the command.
            records: (n,) structured as `link.schema.by_name[name].dtype`.
            timeout: deadline of each from when there is room for it, s; None: none.

        Returns:
            How each ended; a refusal is no error here.

        Raises:
            TypeError: records of another dtype.
            ValueError: the device has no such message, or it is no command.
            LinkBusyError: another call is under way.
            LinkClosedError: the link was closed before all had ended.
        """
        self._refuse_own_thread("request_many")
        self._here()
        info = self._connection.schema.by_name.get(name)
        if info is None:
            raise ValueError(f"no message {name!r}; the device has {self._names()}")
        if info.channel >= 2:
            raise ValueError(f"{name} is no command; use publish()")
        if getattr(records, "dtype", None) != info.dtype or records.ndim != 1:
            got = f"{records.dtype} {records.shape}" if hasattr(records, "dtype") else type(records)
            raise TypeError(f"expected records (n,) of {info.dtype}, got {got}")
        rows = np.ascontiguousarray(records).view(np.uint8).reshape(len(records), info.size)
        return self._connection.requests.ask_many(name, info.channel, info.type, rows, timeout)

    def _refuse_own_thread(self, method: str) -> None:
        if self._connection.is_this_thread:
            raise RuntimeError(
                f"{method}() waits for the link's thread and cannot be called in it; "
                "in a callback use submit()"
            )

    def publish(self, message: Message) -> bool:
        """Sends best-effort data; False: dropped, because the link is not open.

        Raises:
            ValueError: the message is a command; it needs `request`.
        """
        if not isinstance(message, Message):
            raise TypeError(
                f"expected a message such as DetectionSummary, got {type(message).__name__}"
            )
        info = message.info
        if info.channel < 2:
            raise ValueError(f"{info.name} is a command and needs request(), not publish()")
        info, record = self._sendable(message)
        return self._here().publish(info.channel, info.type, record)

    def subscribe(
        self,
        name: str,
        *,
        frames: int = 4096,
        callback: Callable[[Records], object] | None = None,
    ) -> Subscription:
        """Batches of a message's records, from now on; see `Subscription`.

        Args:
            name: the message.
            frames: how many are kept for a reader that is late.
            callback: called with every batch in the link's thread, until the subscription is
                closed; it must not block. None: the subscription is read, or iterated over.

        Raises:
            ValueError: the device has no such message, or it is empty.
        """
        self._here()
        info = self._connection.schema.by_name.get(name)
        if info is None:
            raise ValueError(f"no message {name!r}; the device has {self._names()}")
        if info.size == 0:
            raise ValueError(f"{name} has no fields, so there are no records of it")
        return self._connection.subscriptions.add(name, frames, self._connection.schema, callback)

    def logs(
        self,
        tables: Iterable[LogTable | str | os.PathLike[str]] = (),
        *,
        frames: int = 4096,
        callback: Callable[[LogRecord], object] | None = None,
    ) -> Logs:
        """What the firmware logs, line by line; the first call also gets what came before it.

        Args:
            tables: where the words are: the firmware's own program file (ELF), or what
                `edgecore link log-table` made of it, of as many firmwares as may come. Those of
                `sim:` and `qemu:` are known.
            frames: how many lines are kept for a reader that is late.
            callback: called with every line in the link's thread, until the reader is closed; it
                must not block. `logs.to_logging` hands them to Python's logging. None: the lines
                are read, or iterated over.

        Raises:
            OSError, ValueError: a table cannot be read.
        """
        self._here()
        return self._connection.subscriptions.add_logs(
            frames, LogTables(tables), self._connection.schema, callback
        )

    def recorded(self) -> Iterator[bytes]:
        """What went over the line last, both ways: the blocks of a recording, one after the other.

        Written into a file they are what `edgecore link record` writes; `edgecore link decode` and
        all else that takes a recording takes it. Of its line the link keeps as much as `connect`
        was told by `trace_bytes`, also when it is closed; a recording that does not begin with the
        session begins, each way, with the first whole frame.
        """
        connection = self._connection
        peer = connection.carrier.peer
        device = {
            **{name: peer[name] for name in ("name", "version", "boot_id")},
            "authenticated": connection.keyed and bool(peer["keyed"]),
        }
        kept, lost = self._here().trace()
        return trace.recording(
            traced(kept), lost=lost, url=self.url, device=device, schema=connection.schema
        )

    def ping(self, size: int = 32, timeout: float = 1.0) -> int:
        """Round trip of a frame with a body of `size` bytes, ns: until the whole answer came.

        One that is lost is sent again with the clock's next exchange, a second later at most. While
        others ask for a larger one, theirs is the answer to all.

        Raises:
            ValueError: size outside 24..512.
            BridgeTimeoutError: no answer in time.
            RuntimeError: called in a callback of the link.
        """
        self._refuse_own_thread("ping")
        if not 24 <= size <= BODY_MAX:
            raise ValueError(f"size must be in 24..{BODY_MAX} bytes, got {size}")
        answered = self._here().ask_ping(size).wait(timeout)
        if self._connection.stop.is_set():
            raise LinkClosedError(f"{self.url}: the link was closed")
        if answered is None:
            raise BridgeTimeoutError(f"ping: no answer within {timeout} s", may_run=False)
        return answered[1]

    def transfer(
        self,
        name: str,
        path: str | os.PathLike[str],
        *,
        manifest: Manifest | str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
        timeout: float = 30.0,
    ) -> Transfer:
        """Sends a file to the device, which verifies and keeps it; `update.install` also runs it.

        It goes on where it was: after a reconnection, a reset of the device, and when a program
        that died calls it again. Commands meanwhile wait for at most one of its fragments.

        Args:
            name: what it is for: "firmware".
            path: the file.
            manifest: its manifest or the file that holds it; None: the file `path` + ".manifest".
            progress: called in this thread with the bytes stored and all bytes.
            timeout: the longest without progress, s.

        Raises:
            TransferError: the device refused; `.status` says why, and the old image still runs.
            AuthenticationError: it takes nothing from a host that does not prove its key.
            BridgeTimeoutError: no progress; the old image still runs.
            LinkBusyError: another transfer runs on this link.
            LinkClosedError: the link was closed.
            OSError: a file cannot be read.
            ValueError: image, manifest and name do not belong together.
            RuntimeError: called in a callback of the link.
        """
        self._refuse_own_thread("transfer")
        self._here()
        image, described = read(name, path, manifest)
        return self._connection.transfers.run(
            image, described, byte_ns=self._connection.byte_ns, progress=progress, timeout_s=timeout
        )

    def keep_alive(self, lease: float = 1.0) -> None:
        """The application's own sign of life: call it once per finished frame.

        Args:
            lease: how long the application may be silent from now on before the firmware goes to
                its safe state, s; the firmware caps it (1 s by default).
        """
        if not 0 < lease <= 60:
            raise ValueError(f"lease must be in (0, 60] s, got {lease}")
        self._here().keep_alive(round(lease * 1000))

    def close(self) -> None:
        """Ends the link, and what waits with LinkClosedError. A second call does nothing.

        In a callback of this link or another it returns at once, and the link ends soon after.
        """
        if os.getpid() != self._process:
            return
        self._connection.close()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Link {self.url} {self.state}>"


def connect(
    url: str,
    timeout: float = 5.0,
    *,
    on_state: Callable[[StateChange], None] | None = None,
    reconnect: bool = True,
    key: Key | None = None,
    require_authentication: bool = True,
    trace_bytes: int = 0,
) -> Link:
    """An open link to firmware.

    Args:
        url: serial:///dev/ttyACM0?baud=921600 (&quicker=3000000 goes on at that speed if the
            device agrees, &low_latency=1 asks the driver to hold nothing back: `Link.line` says
            what became of either; a USB device is found again wherever it is plugged in), a path
            under /dev, unix:///run/fw.sock (?send_buffer=BYTES: how much may wait in the socket,
            where nothing is overtaken), tcp://host:port, exec:COMMAND (its standard input and
            output), sim: (the firmware as a process of its own), qemu:[machine] (on an emulated
            microcontroller; the first use compiles it), or any pyserial URL. sim: and
            qemu:mps2-an386 take ?flash=FILE, which outlives them, and &public_key=PEM of who may
            sign images for it. In options %XX is decoded and a plus is a plus; none may be empty.
        timeout: how long to wait for the device once its line is there, s.
        on_state: called with every change of state, in the link's thread; it must not block.
        reconnect: False ends the link with its first line.
        key: 32 bytes that the device has too, or the path of the file that holds them (mode 0600;
            also as hexadecimal digits); None: the link is not authenticated.
        require_authentication: False also opens the link to a device that does not prove the key;
            `Link.info.authenticated` says whether it did. Without a key it means nothing.
        trace_bytes: so much of the newest bytes of the line is kept, with their times, which take
            16 bytes for each read and write; 0: nothing. See `Link.recorded`.

    Raises:
        BridgeConnectionError: the port is not there, or no firmware answers in time.
        AuthenticationError: the device has another key, none, or requires one.
        ProtocolError: the firmware speaks another protocol.
        ValueError: the URL, or the key, makes no sense.
        OSError: the key's file cannot be read.
    """
    link = Link(
        url,
        on_state=on_state,
        reconnect=reconnect,
        key=key,
        require_authentication=require_authentication,
        trace_bytes=trace_bytes,
    )
    try:
        if link._connection.wait_open(timeout):
            return link
        reason = link.state_reason
        raise BridgeConnectionError(
            f"{url}: no answer from the firmware within {timeout} s"
            + (f" ({reason})" if reason else "")
        )
    except BaseException:
        link.close()
        raise
