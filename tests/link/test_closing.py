"""Links closed by whoever is called back, also by another link's callback."""

from __future__ import annotations

import threading
from pathlib import Path

import firmware_bridge as fb
from tests.link.device import Device
from tests.link.patience import wait_until


def test_links_whose_callbacks_close_each_other_do_not_wait_for_each_other(tmp_path: Path) -> None:
    devices = [Device(tmp_path / name) for name in ("a", "b")]
    together, links = threading.Barrier(2), dict[int, fb.Link]()

    def note(number: int, change: fb.StateChange) -> None:
        if change.state == "lost":
            together.wait(10)
            links[1 - number].close()

    for number, device in enumerate(devices):
        links[number] = fb.connect(
            device.url, on_state=lambda change, number=number: note(number, change)
        )
    for device in devices:
        device.hang_up.set()
    wait_until(lambda: all(link.state == "closed" for link in links.values()))
    for device in devices:
        device.die()
