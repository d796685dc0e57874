"""The one device of a run, opened when the first test asks for it; under xdist, one per worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgecore.testing.errors import RigError
from edgecore.testing.options import target_spec

if TYPE_CHECKING:
    from edgecore.testing.dut import Dut

_DUT = pytest.StashKey["Dut | RigError"]()


def device(config: pytest.Config) -> Dut:
    """The device under test, on.

    Raises:
        RigError: it cannot be had; asked again, the answer is the same.
    """
    known = config.stash.get(_DUT, None)
    if known is None:
        from edgecore.testing.dut import Dut

        try:
            known = Dut(target_spec(config))
        except RigError as error:
            known = error
        config.stash[_DUT] = known
    if isinstance(known, RigError):
        raise known
    return known


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tells of a recorded device that only a part of it was there to play. No warning: where those
    are errors, as in many projects, what is whole would not be played."""
    spec = target_spec(config)
    if spec.startswith("replay:"):
        from firmware_bridge.testing.targets.replayed import shortfall

        told = shortfall(spec)
        if told is not None:
            terminalreporter.write_line(f"edgecore: {told}", yellow=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Gives the device up."""
    known = config.stash.get(_DUT, None)
    if known is not None and not isinstance(known, RigError):
        known.close()
