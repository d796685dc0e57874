"""Drift of the emulated machines' clocks from the host's: `python -m bench.firmware_clock`.

Each end of the stretch is the exchange of the shortest round trip out of a hundred, so what is left
of noise is the spread of that trip over the length of the stretch.
"""

from __future__ import annotations

import sys
import time

import firmware_bridge as fb
from firmware_bridge.testing.ports import machines

STRETCH_S = 20.0
EXCHANGES = 100


def offset_ns(link: fb.Link) -> tuple[int, int]:
    """Device's clock against the host's, and the shortest round trip, ns."""
    shortest = min(link.ping() for _ in range(EXCHANGES))
    return link.clock.offset_ns, shortest


def main() -> int:
    """Prints a line for each machine; 1 when QEMU or the compiler is missing."""
    for machine in machines():
        try:
            with fb.connect(f"qemu:{machine}", timeout=30.0) as link:
                start_ns, (first, trip) = time.monotonic_ns(), offset_ns(link)
                time.sleep(STRETCH_S)
                end_ns, (last, _) = time.monotonic_ns(), offset_ns(link)
        except fb.BridgeConnectionError as error:
            print(error, file=sys.stderr)
            return 1
        drift_ppm = (last - first) / (end_ns - start_ns) * 1e6
        print(
            f"{machine:<14}{drift_ppm:+8.1f} ppm over {STRETCH_S:.0f} s; "
            f"bound of one exchange {trip / 2000:.0f} us"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
