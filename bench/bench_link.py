"""The wire codec from Python, and a whole exchange with the simulated firmware.

Payloads are 64 seeded random bytes. The exchange is with `sim:`, the host build of the reference
firmware in a process of its own.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest

import firmware_bridge as fb

FRAMES = 1000
ENCODE = "encode one 64-byte frame"
DECODE = f"decode {FRAMES} 64-byte frames"
EXCHANGE = "one exchange with the simulated firmware"
WINDOWED = "200 commands, pipelined"


def payloads() -> list[bytes]:
    draw = random.Random(7)
    return [draw.randbytes(64) for _ in range(FRAMES)]


@pytest.fixture(scope="module")
def stream() -> bytes:
    return b"".join(fb.codec.encode(2, 0x40, payload) for payload in payloads())


@pytest.fixture(scope="module")
def link() -> Iterator[Any]:
    with fb.connect("sim:") as link:
        yield link


def test_encode_edgecore(benchmark: Any) -> None:
    benchmark.group = ENCODE
    benchmark.extra_info["implementation"] = "edgecore"
    benchmark(fb.codec.encode, 2, 0x40, payloads()[0])


def test_encode_cobs_crc32c(benchmark: Any) -> None:
    peer = pytest.importorskip("bench.peers.cobs_crc32c")
    benchmark.group = ENCODE
    benchmark.extra_info.update(implementation="cobs+crc32c", role="peer")
    assert benchmark(peer.encode, 2, 0x40, payloads()[0]).strip(b"\0") == fb.codec.encode(
        2, 0x40, payloads()[0]
    ).strip(b"\0")


def test_decode_edgecore(benchmark: Any, stream: bytes) -> None:
    benchmark.group = DECODE
    benchmark.extra_info["implementation"] = "edgecore"
    frames = benchmark(fb.codec.Decoder().feed, stream)
    assert [frame.payload for frame in frames] == payloads()


def test_decode_cobs_crc32c(benchmark: Any, stream: bytes) -> None:
    peer = pytest.importorskip("bench.peers.cobs_crc32c")
    benchmark.group = DECODE
    benchmark.extra_info.update(implementation="cobs+crc32c", role="peer")
    assert [frame[4] for frame in benchmark(peer.decode, stream)] == payloads()


def test_ping(benchmark: Any, link: Any) -> None:
    benchmark.group = EXCHANGE
    benchmark.extra_info["implementation"] = "ping"
    benchmark(link.ping, 32)


def test_request(benchmark: Any, link: Any) -> None:
    benchmark.group = EXCHANGE
    benchmark.extra_info["implementation"] = "request"
    alert = fb.Alert(kind=1, level=1, duration_ms=10)
    benchmark(link.request, alert, timeout=1.0)


def test_pipelined_requests(benchmark: Any, link: Any) -> None:
    benchmark.group = WINDOWED
    benchmark.extra_info["implementation"] = "submit"
    alert = fb.Alert(kind=1, level=1, duration_ms=10)

    def burst() -> None:
        for future in [link.submit(alert, timeout=5.0) for _ in range(200)]:
            future.result()

    benchmark(burst)
