"""The choice of instruction set: chosen once, forceable, loud about unknown names."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgecore import isa

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


@pytest.mark.parametrize(("name", "works"), [("baseline", True), ("mmx", False)])
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
