"""The link between a host and its device's firmware, over serial or local IPC."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firmware_bridge import codec, logs, update
    from firmware_bridge.clock import Clock
    from firmware_bridge.errors import (
        AuthenticationError,
        BridgeConnectionError,
        BridgeError,
        BridgeTimeoutError,
        LinkBusyError,
        LinkClosedError,
        ProtocolError,
        RecordingError,
        RefusedError,
        TransferError,
        UnknownOutcomeError,
        UpdateError,
    )
    from firmware_bridge.events import Status
    from firmware_bridge.facts import LinkInfo, LinkStats, StateChange
    from firmware_bridge.link import Link, connect
    from firmware_bridge.log_table import LogTable
    from firmware_bridge.logs import LogRecord, Logs
    from firmware_bridge.manifest import Manifest, load_manifest, make_manifest, signer, verifier
    from firmware_bridge.messages import Alert, DetectionSummary, Message, SetOutput
    from firmware_bridge.requests import Result
    from firmware_bridge.schema import FieldInfo, MessageInfo, Schema
    from firmware_bridge.stamps import HostStamps, Stamps
    from firmware_bridge.subscription import Subscription
    from firmware_bridge.transfer import Transfer, TransferStatus

# Public name -> module that holds it; a module maps to itself. Imported on first use: the simulated
# firmware is a process of this package and needs next to nothing of it. No module may share its
# name with a function listed here: importing the module would put it in the function's place.
_HOMES = {
    "Alert": "firmware_bridge.messages",
    "AuthenticationError": "firmware_bridge.errors",
    "BridgeConnectionError": "firmware_bridge.errors",
    "BridgeError": "firmware_bridge.errors",
    "BridgeTimeoutError": "firmware_bridge.errors",
    "Clock": "firmware_bridge.clock",
    "DetectionSummary": "firmware_bridge.messages",
    "FieldInfo": "firmware_bridge.schema",
    "HostStamps": "firmware_bridge.stamps",
    "Link": "firmware_bridge.link",
    "LinkBusyError": "firmware_bridge.errors",
    "LinkClosedError": "firmware_bridge.errors",
    "LinkInfo": "firmware_bridge.facts",
    "LinkStats": "firmware_bridge.facts",
    "LogRecord": "firmware_bridge.logs",
    "LogTable": "firmware_bridge.log_table",
    "Logs": "firmware_bridge.logs",
    "Manifest": "firmware_bridge.manifest",
    "Message": "firmware_bridge.messages",
    "MessageInfo": "firmware_bridge.schema",
    "ProtocolError": "firmware_bridge.errors",
    "RecordingError": "firmware_bridge.errors",
    "RefusedError": "firmware_bridge.errors",
    "Result": "firmware_bridge.requests",
    "Schema": "firmware_bridge.schema",
    "SetOutput": "firmware_bridge.messages",
    "StateChange": "firmware_bridge.facts",
    "Stamps": "firmware_bridge.stamps",
    "Status": "firmware_bridge.events",
    "Subscription": "firmware_bridge.subscription",
    "Transfer": "firmware_bridge.transfer",
    "TransferError": "firmware_bridge.errors",
    "TransferStatus": "firmware_bridge.transfer",
    "UnknownOutcomeError": "firmware_bridge.errors",
    "UpdateError": "firmware_bridge.errors",
    "codec": "firmware_bridge.codec",
    "connect": "firmware_bridge.link",
    "load_manifest": "firmware_bridge.manifest",
    "logs": "firmware_bridge.logs",
    "make_manifest": "firmware_bridge.manifest",
    "signer": "firmware_bridge.manifest",
    "update": "firmware_bridge.update",
    "verifier": "firmware_bridge.manifest",
}

__all__ = [
    "Alert",
    "AuthenticationError",
    "BridgeConnectionError",
    "BridgeError",
    "BridgeTimeoutError",
    "Clock",
    "DetectionSummary",
    "FieldInfo",
    "HostStamps",
    "Link",
    "LinkBusyError",
    "LinkClosedError",
    "LinkInfo",
    "LinkStats",
    "LogRecord",
    "LogTable",
    "Logs",
    "Manifest",
    "Message",
    "MessageInfo",
    "ProtocolError",
    "RecordingError",
    "RefusedError",
    "Result",
    "Schema",
    "SetOutput",
    "Stamps",
    "StateChange",
    "Status",
    "Subscription",
    "Transfer",
    "TransferError",
    "TransferStatus",
    "UnknownOutcomeError",
    "UpdateError",
    "codec",
    "connect",
    "load_manifest",
    "logs",
    "make_manifest",
    "signer",
    "update",
    "verifier",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(home)
    value = module if home == f"{__name__}.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
