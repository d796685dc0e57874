"""Drift of the emulated machines' clocks from the host's: `python -m bench.firmware_clock`; and the
bounds that a link publishes of its clock's error.

Each end of the stretch is the link's clock after a hundred exchanges, so what is left of noise is
its error over the length of the stretch.
"""

from __future__ import annotations

import sys
import time

import firmware_bridge as fb
from firmware_bridge.testing.ports import machines

STRETCH_S = 20.0
EXCHANGES = 100
SETTLED_S = 3.0
LOOKS = 200


def bounds_us(link: fb.Link) -> list[float]:
    """The bounds of its clock's error that a link publishes over ten seconds, us: no exchange of
    stamps can show more, since the truth lies within."""
    time.sleep(SETTLED_S)
    found = []
    for _ in range(LOOKS):
        time.sleep(0.05)
        found.append(link.clock.error_ns / 1000)
    return found


def offset_ns(link: fb.Link) -> tuple[int, int]:
    """Device's clock against the host's and the bound of its error, ns, after many exchanges."""
    for _ in range(EXCHANGES):
        link.ping()
    return link.clock.offset_ns, link.clock.error_ns


def main() -> int:
    """Prints a line for each machine; 1 when QEMU or the compiler is missing."""
    for machine in machines():
        try:
            with fb.connect(f"qemu:{machine}", timeout=30.0) as link:
                start_ns, (first, bound) = time.monotonic_ns(), offset_ns(link)
                time.sleep(STRETCH_S)
                end_ns, (last, _) = time.monotonic_ns(), offset_ns(link)
        except fb.BridgeConnectionError as error:
            print(error, file=sys.stderr)
            return 1
        drift_ppm = (last - first) / (end_ns - start_ns) * 1e6
        print(
            f"{machine:<14}{drift_ppm:+8.1f} ppm over {STRETCH_S:.0f} s; "
            f"bound of the offset {bound / 1000:.0f} us"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
