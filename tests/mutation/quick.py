"""A pytest plugin for runs against a mutant: what counts is the first failure, not the smallest."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import Phase, settings

# Seconds of CPU after which a test is held to be without end; all of them need much less.
TEST_CPU_S = 6.0


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    from tests.link import compiling  # after conftest.py has chosen its own profile

    settings.register_profile(
        "mutation", settings.default, phases=[Phase.explicit, Phase.generate], database=None
    )
    settings.load_profile("mutation")
    original, mutated = (Path(os.environ[name]) for name in ("MUTATION_OF", "MUTATION"))
    compiling.LINK[:] = [mutated if path == original else path for path in compiling.LINK]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Properties last: each costs as much as a file of examples, which mostly notice too."""
    items.sort(key=lambda item: hasattr(getattr(item, "obj", None), "hypothesis"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    signal.setitimer(signal.ITIMER_PROF, TEST_CPU_S)  # C without end knows no handler: it is ended
