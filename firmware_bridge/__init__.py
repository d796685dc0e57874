"""The link between a host and its device's firmware, over serial or local IPC."""

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
