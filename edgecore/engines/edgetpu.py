"""What the system knows of an Edge TPU, whose library says only that it could not be opened."""

import errno
import os
from pathlib import Path

from edgecore.engines.accelerator import DEVICE_ABSENT, IN_USE, PERMISSION

_USB_IDS = {("1a6e", "089a"), ("18d1", "9302")}
"""Vendor and product of the USB stick, before its firmware is loaded and after."""


def state(otherwise: str, root: Path = Path("/")) -> tuple[str, str]:
    """Why no Edge TPU can be opened, as a reason and in words.

    Args:
        otherwise: the reason where a device is there, free, and may be opened.
        root: of the file system.
    """
    pci = sorted(root.glob("dev/apex_*"))
    sticks = [
        vendor.parent
        for vendor in sorted(root.glob("sys/bus/usb/devices/*/idVendor"))
        if (_read(vendor), _read(vendor.parent / "idProduct")) in _USB_IDS
    ]
    if not pci and not sticks:
        return DEVICE_ABSENT, "no Edge TPU on USB or at /dev/apex_*"
    for device in pci:
        number = _opening(device)
        if number in (errno.EACCES, errno.EPERM):
            return PERMISSION, f"{device} may not be opened: join the group `apex`"
        if number == errno.EBUSY:
            return IN_USE, f"{device} is open in another process"
    for stick in sticks:
        node = root / f"dev/bus/usb/{_read(stick / 'busnum'):0>3}/{_read(stick / 'devnum'):0>3}"
        if not os.access(node, os.R_OK | os.W_OK):
            return PERMISSION, f"{node} may not be opened: join the group `plugdev`"
        drivers = {os.path.basename(os.path.realpath(link)) for link in stick.glob("*/driver")}
        if "usbfs" in drivers:
            return IN_USE, f"another process holds the stick at {node}"
    return otherwise, "an Edge TPU is there and may be opened"


def _opening(device: Path) -> int:
    try:
        os.close(os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return error.errno or 0
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
