"""On a bad line no corrupted frame passes and no command is lost or executed twice."""

from collections.abc import Callable
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.testing import EnduranceResult, LossyChannel, endure

pytestmark = pytest.mark.once

LINES = {
    "clean": {},
    "bit errors": {"bit_error": 1e-4},
    "many bit errors": {"bit_error": 1e-3},
    "drops": {"drop": 0.02},
    "duplicates": {"duplicate": 0.05},
    "slow": {"bytes_per_s": 11_520, "bit_error": 3e-5},
    "far": {"delay_us": 20_000, "jitter_us": 15_000, "drop": 0.01},
    "all": {
        "bit_error": 2e-4,
        "drop": 0.01,
        "duplicate": 0.01,
        "delay_us": 500,
        "jitter_us": 1500,
    },
}


def assert_perfect(result: EnduranceResult, commands: int) -> None:
    assert result.issued == result.executed == result.done == commands
    assert result.lost == result.doubled == result.unasked == result.misreported == 0
    assert result.foreign == 0
    assert result.bytes_overrun == 0


@pytest.mark.parametrize("name", LINES)
def test_each_command_is_executed_once_on_a_bad_line(name: str) -> None:
    assert_perfect(endure(5000, seed=11, **LINES[name]), 5000)


def test_hundred_thousand_commands_under_all_faults() -> None:
    result = endure(100_000, seed=1, **LINES["all"])
    assert_perfect(result, 100_000)
    assert result.rejected > 5000
    assert result.retransmits > 1000
    assert result.duplicates > 100
    assert result.bits_flipped > 1000
    assert result.bytes_dropped > 10_000
    assert result.bytes_repeated > 10_000
    assert result.telemetry > 0


@settings(max_examples=25, deadline=None)
@given(
    bit_error=st.floats(0, 1e-3),
    drop=st.floats(0, 0.1),
    duplicate=st.floats(0, 0.5),
    delay_us=st.integers(0, 30_000),
    jitter_us=st.integers(0, 30_000),
    seed=st.integers(0, 2**64 - 1),
)
def test_any_line_that_lets_something_through_is_survived(
    bit_error: float, drop: float, duplicate: float, delay_us: int, jitter_us: int, seed: int
) -> None:
    result = endure(
        300,
        bit_error=bit_error,
        drop=drop,
        duplicate=duplicate,
        delay_us=delay_us,
        jitter_us=jitter_us,
        seed=seed,
    )
    assert_perfect(result, 300)


def test_same_seed_gives_the_same_run() -> None:
    assert endure(2000, seed=5, **LINES["all"]) == endure(2000, seed=5, **LINES["all"])
    assert endure(2000, seed=5, **LINES["all"]) != endure(2000, seed=6, **LINES["all"])


def test_count_finds_a_planted_double() -> None:
    result = endure(1000, seed=2, inject_double=500, **LINES["all"])
    assert (result.doubled, result.lost, result.executed) == (1, 0, 1001)


def test_count_finds_a_planted_loss() -> None:
    result = endure(1000, seed=2, inject_loss=500, **LINES["all"])
    assert (result.doubled, result.lost, result.executed) == (0, 1, 999)
    assert result.misreported == 1


def test_double_and_loss_do_not_hide_each_other() -> None:
    result = endure(1000, seed=2, inject_loss=300, inject_double=700, **LINES["all"])
    assert (result.doubled, result.lost, result.executed) == (1, 1, 1000)


def test_witness_finds_a_planted_frame() -> None:
    result = endure(1000, seed=2, inject_foreign=500)
    assert result.foreign == 1
    assert_perfect(replace(result, foreign=0), 1000)


def test_run_that_gives_up_counts_what_is_missing_as_lost() -> None:
    result = endure(1000, drop=1.0, limit_s=5)
    assert result.done == 0
    assert result.lost == 1000
    assert result.misreported == 1000


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(4))
def test_million_commands_under_all_faults(seed: int, proof: Callable[..., None]) -> None:
    result = endure(1_000_000, seed=seed, **LINES["all"])
    assert_perfect(result, 1_000_000)
    proof("a bad line neither loses a command nor has one executed twice", **asdict(result))


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_ten_million_frames_and_none_corrupt_accepted(proof: Callable[..., None]) -> None:
    result = endure(5_000_000, seed=9, bit_error=1e-3)
    assert result.frames_to_device + result.frames_to_host + result.rejected > 10_000_000
    assert_perfect(result, 5_000_000)
    proof("no corrupted frame is accepted", **asdict(result))


def test_channel_without_faults_is_transparent() -> None:
    channel = LossyChannel(delay_us=100)
    channel.send(0, b"first")
    channel.send(50, b"second")
    assert channel.next_us == 100
    assert channel.receive(99) == b""
    assert channel.receive(100) == b"first"
    assert channel.receive(1000) == b"second"
    assert channel.next_us is None


def test_channel_flips_as_many_bits_as_it_was_told() -> None:
    channel = LossyChannel(bit_error=1e-3, seed=4)
    for i in range(1000):
        channel.send(i, bytes(1000))
        arrived = channel.receive(i)
        assert len(arrived) == 1000
    flipped = channel.counts["bits_flipped"]
    assert flipped == pytest.approx(8000, rel=0.05)


def test_channel_counts_every_flip_it_makes() -> None:
    channel = LossyChannel(bit_error=0.01, seed=4)
    channel.send(0, bytes(10_000))
    ones = sum(byte.bit_count() for byte in channel.receive(0))
    assert ones == channel.counts["bits_flipped"] > 0


def test_channel_drops_and_repeats_runs_of_bytes() -> None:
    dropping, repeating = LossyChannel(drop=1.0, seed=1), LossyChannel(duplicate=1.0, seed=1)
    burst = bytes(range(100))
    for i in range(50):
        dropping.send(i, burst)
        repeating.send(i, burst)
        assert len(dropping.receive(i)) < 100 < len(repeating.receive(i))


def test_channel_keeps_order_and_pace() -> None:
    channel = LossyChannel(bytes_per_s=1000, jitter_us=50_000, seed=8)
    for i in range(50):
        channel.send(0, bytes([i]) * 10)
    assert channel.free_us == 500_000
    assert channel.receive(499_999) != b"".join(bytes([i]) * 10 for i in range(50))
    rest = channel.receive(10**9)
    assert list(rest) == sorted(rest)


@pytest.mark.parametrize("name", ["bit_error", "drop", "duplicate"])
@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_impossible_probability_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name} must lie in \[0, 1\], got"):
        LossyChannel(**{name: value})
