"""What the command line and the environment say of the rig."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import random
import shlex
from typing import Any

import pytest

TARGET = "EDGE_TARGET"
DEFAULT_TARGET = "sim"
_SEED = "edge_seed"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of rigs."""
    group = parser.getgroup("edgecore", "devices under test (edgecore)")
    group.addoption(
        "--edge-target",
        metavar="TARGET",
        help="the device: sim, qemu[:MACHINE], a path or URL, rig:FILE.toml, replay:FILE, or a "
        f"name that another package brings; default: ${TARGET}, else {DEFAULT_TARGET}",
    )
    group.addoption(
        "--edge-seed",
        type=int,
        metavar="NUMBER",
        help="of the line's faults; default: one at random, which reports show",
    )
    group.addoption("--edge-slow", action="store_true", help="also run what is marked edge_slow")
    group.addoption(
        "--edge-soak",
        type=_seconds,
        metavar="SECONDS",
        help="also run what is marked edge_soak, for so long",
    )
    group.addoption(
        "--edge-report",
        metavar="FOLDER",
        help="leave report.html and report.json of the run in this folder",
    )
    group.addoption(
        "--edge-requirements",
        metavar="FILE",
        help="with --edge-report: requirements, an id and a title a line; those that no test shows "
        "stand out",
    )


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected seconds, more than 0, got {text!r}")


def check_options(config: pytest.Config) -> None:
    """An empty text, as of a shell's variable that is not set, is not taken for a default.

    Raises:
        pytest.UsageError: an option or the environment's target is empty.
    """
    for option in ("--edge-target", "--edge-report", "--edge-requirements"):
        if config.getoption(option) == "":
            raise pytest.UsageError(f"{option}: expected a text, got an empty one")
    if os.environ.get(TARGET) == "" and config.getoption("--edge-target") is None:
        raise pytest.UsageError(f"{TARGET}: expected a target, or not to be set; it is empty")


def target_spec(config: pytest.Config) -> str:
    """The target that was asked for."""
    given: str | None = config.getoption("--edge-target")
    return given or os.environ.get(TARGET) or DEFAULT_TARGET


def seed(config: pytest.Config) -> int:
    """The run's seed, the same in all its processes."""
    given: int | None = config.getoption("--edge-seed")
    if given is None:
        given = getattr(config, "workerinput", {}).get(_SEED)
    if given is None:
        given = random.SystemRandom().getrandbits(32)
    config.option.edge_seed = given
    return given


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hands the seed on to a worker of pytest-xdist."""
    node.workerinput[_SEED] = seed(node.config)


def repeat_by(config: pytest.Config) -> str:
    """The options that repeat the run, as a shell takes them."""
    return shlex.join(["--edge-target", target_spec(config), "--edge-seed", str(seed(config))])


def pytest_report_header(config: pytest.Config) -> str | None:
    """The target and the seed, where a target was asked for: most runs have nothing of ours."""
    asked = config.getoption("--edge-target") or os.environ.get(TARGET)
    return f"edgecore: {repeat_by(config)}" if asked else None
