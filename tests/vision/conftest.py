"""The axis of this room: instruction sets."""

from collections.abc import Iterator

import pytest

import tests.properties  # noqa: F401
from edgecore import isa


@pytest.fixture(params=isa.available())
def every_isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set of this machine in turn, in force while the test runs."""
    with isa.pinned(request.param):
        yield request.param
