"""Capture times of a live stream in CLOCK_MONOTONIC, from its own times and the frames' arrivals.

A stream counts from a moment of its own. What a frame's arrival says of that moment is wrong by the
frame's delay, which is never negative: so the least difference of arrival and stream time is the
nearest to the truth. It is taken over the last frames only, so that it follows a camera whose clock
runs fast or slow. What is left is a constant: the delay of the quickest frame.
"""

from __future__ import annotations

HALF_WINDOW_NS = 10_000_000_000
"""The least difference is of the last one to two of these."""

JUMP_NS = 2_000_000_000
"""A stream time that moves so far against arrivals counts from another moment."""

KERNEL_CLOCK_NS = 10_000_000_000
"""A camera's stream time no further than this before its arrival is CLOCK_MONOTONIC itself."""


class StreamClock:
    """Maps the times of one stream.

    Args:
        camera: V4L2 stamps frames with CLOCK_MONOTONIC where the driver can; a first frame whose
            stamp fits that clock is believed, and all others after it.
    """

    def __init__(self, *, camera: bool = False) -> None:
        self._camera = camera
        self._kernel: bool | None = None if camera else False
        self._begun_ns = 0
        self._earlier_ns: int | None = None
        self._least_ns: int | None = None
        self._last_ns: int | None = None

    def capture_ns(self, stream_s: float | None, arrival_ns: int) -> int:
        """When a frame was captured, CLOCK_MONOTONIC nanoseconds; never after its arrival.

        Never before an earlier frame's either. The arrival itself where the stream has no time.

        Args:
            stream_s: the frame's time in the stream, seconds.
            arrival_ns: when it came, CLOCK_MONOTONIC nanoseconds.
        """
        captured = arrival_ns if stream_s is None else self._mapped(stream_s, arrival_ns)
        if self._last_ns is not None:
            captured = max(captured, self._last_ns)
        self._last_ns = captured = min(captured, arrival_ns)
        return captured

    def _mapped(self, stream_s: float, arrival_ns: int) -> int:
        stream_ns = round(stream_s * 1e9)
        if self._kernel is None:
            self._kernel = 0 <= arrival_ns - stream_ns < KERNEL_CLOCK_NS
        if self._kernel:
            return stream_ns
        return stream_ns + self._difference(arrival_ns - stream_ns, arrival_ns)

    def _difference(self, now_ns: int, arrival_ns: int) -> int:
        """The least difference of late, `now_ns` among them."""
        if self._least_ns is None or abs(now_ns - self._least_ns) > JUMP_NS:
            self._begun_ns, self._earlier_ns, self._least_ns = arrival_ns, None, now_ns
        elif arrival_ns - self._begun_ns > HALF_WINDOW_NS:
            self._begun_ns, self._earlier_ns, self._least_ns = arrival_ns, self._least_ns, now_ns
        self._least_ns = min(self._least_ns, now_ns)
        if self._earlier_ns is None:
            return self._least_ns
        return min(self._earlier_ns, self._least_ns)
