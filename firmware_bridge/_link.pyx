"""Binding of csrc/link. Private; see firmware_bridge."""
