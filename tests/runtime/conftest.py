"""This room has properties, and tests of what an environment lacks."""

import pytest

import tests.properties  # noqa: F401
from edgecore import engines


@pytest.fixture(scope="session")
def missing_engine() -> str:
    """The name of an engine that is not here; each environment of `make test` lacks one."""
    for name, reason in engines.available().items():
        if reason is not None:
            return name
    pytest.skip("both engines are installed in this environment")
