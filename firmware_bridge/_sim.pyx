"""Binding of csrc/firmware (the host simulation). Private; see firmware_bridge."""
