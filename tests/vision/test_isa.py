"""The choice of instruction set: chosen once, forceable, loud about unknown names."""

import contextlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from edgecore import Frame, Preprocessor, isa, preprocess
from tests.vision.preprocess_cases import cases

ROOT = Path(__file__).resolve().parents[2]


def test_baseline_is_always_there_and_the_best_set_is_active() -> None:
    assert isa.available()[-1] == "baseline"
    if not os.environ.get("EDGECORE_FORCE_ISA"):
        assert isa.active() == isa.available()[0]


def test_pinning_ends_with_the_block_even_by_an_error() -> None:
    before = isa.active()
    with isa.pinned("baseline"):
        assert isa.active() == "baseline"
    assert isa.active() == before
    with contextlib.suppress(RuntimeError), isa.pinned("baseline"):
        raise RuntimeError
    assert isa.active() == before


def test_unknown_set_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"one of .*baseline; got 'mmx'"), isa.pinned("mmx"):
        pass


# What the kernel lists in /proc/cpuinfo (hwcap on ARM) when the processor has a set.
NEON = "neon" if platform.machine() == "armv7l" else "asimd"
REQUIRED = {
    "avx2": {"avx2", "f16c"},
    "avx512": {"avx2", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512vbmi"},
    "neon": {NEON},
    "neon_dotprod": {NEON, "asimddp"},
}


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64", "armv7l"), reason="names of features differ"
)
def test_every_set_the_processor_has_is_available_and_no_other() -> None:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    listed = next(line for line in lines if line.lower().startswith(("flags", "features")))
    features = set(listed.split(":")[1].split())
    expected = {name for name, needed in REQUIRED.items() if needed <= features}
    assert set(isa.available()) == expected | {"baseline"}


@pytest.mark.parametrize("name", isa.available())
def test_each_available_set_can_be_forced(name: str) -> None:
    with isa.pinned(name):
        assert isa.active() == name
        pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
        assert np.array_equal(preprocess(pixels, (4, 4)), pixels)


@pytest.mark.parametrize(
    ("name", "works"), [*((name, True) for name in isa.available()), ("mmx", False)]
)
def test_environment_forces_a_set_or_fails_the_import(name: str, works: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import edgecore; print(edgecore.isa.active())"],
        env={**os.environ, "EDGECORE_FORCE_ISA": name, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    if works:
        assert done.stdout.strip() == name
    else:
        assert done.returncode != 0
        assert "baseline; got mmx" in done.stderr


@settings(max_examples=200)
@given(case=cases((300, 60), (150, 150)))
def test_every_set_makes_a_tensor_of_the_same_bits(case: tuple[Frame, Any]) -> None:
    frame, options = case
    plan, made = Preprocessor(**options), {}
    for name in isa.available():
        with isa.pinned(name):
            made[name] = plan(frame).tobytes()
    assert set(made.values()) == {made["baseline"]}
