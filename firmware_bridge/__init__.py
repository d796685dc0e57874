"""The link between a host and its device's firmware, over serial or local IPC."""
