"""For tests of the link and the firmware without hardware: a board in memory, a bad line."""

from firmware_bridge._sim import Firmware, Flash, LossyChannel
from firmware_bridge.testing.endurance import EnduranceResult, endure

__all__ = ["EnduranceResult", "Firmware", "Flash", "LossyChannel", "endure"]
