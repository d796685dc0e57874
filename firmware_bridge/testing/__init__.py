"""For tests without hardware: a board in memory, a bad line, and machines under QEMU (`qemu`)."""

from firmware_bridge._noise import LossyChannel
from firmware_bridge._sim import Firmware, Flash
from firmware_bridge.testing.endurance import EnduranceResult, endure

__all__ = ["EnduranceResult", "Firmware", "Flash", "LossyChannel", "endure"]
