"""The link between a host and its device's firmware, over serial or local IPC."""

from firmware_bridge import codec
from firmware_bridge.clock import Clock
from firmware_bridge.errors import (
    BridgeConnectionError,
    BridgeError,
    BridgeTimeoutError,
    LinkBusyError,
    LinkClosedError,
    ProtocolError,
    RecordingError,
    RefusedError,
    UnknownOutcomeError,
)
from firmware_bridge.events import Status
from firmware_bridge.facts import LinkInfo, LinkStats, StateChange
from firmware_bridge.link import Link, connect
from firmware_bridge.messages import Alert, DetectionSummary, Message, SetOutput
from firmware_bridge.requests import Result
from firmware_bridge.schema import FieldInfo, MessageInfo, Schema
from firmware_bridge.subscription import Subscription

__all__ = [
    "Alert",
    "BridgeConnectionError",
    "BridgeError",
    "BridgeTimeoutError",
    "Clock",
    "DetectionSummary",
    "FieldInfo",
    "Link",
    "LinkBusyError",
    "LinkClosedError",
    "LinkInfo",
    "LinkStats",
    "Message",
    "MessageInfo",
    "ProtocolError",
    "RecordingError",
    "RefusedError",
    "Result",
    "Schema",
    "SetOutput",
    "StateChange",
    "Status",
    "Subscription",
    "UnknownOutcomeError",
    "codec",
    "connect",
]
