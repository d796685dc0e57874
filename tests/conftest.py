"""Fixtures every room shares."""

import os
from pathlib import Path

import pytest

from edgecore import engines


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real models, pictures and video; see docs/developing.md."""
    folder = os.environ.get("EDGECORE_TEST_DATA")
    if not folder:
        if os.environ.get("CI"):
            pytest.fail("EDGECORE_TEST_DATA is not set, and CI skips none of these tests")
        pytest.skip("EDGECORE_TEST_DATA is not set: real models and pictures are not at hand")
    return Path(folder)


def _installed_engines() -> list[str]:
    return [name for name, reason in engines.available().items() if reason is None]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that take `engine_name` run once for each engine this interpreter has."""
    if "engine_name" in metafunc.fixturenames:
        metafunc.parametrize("engine_name", _installed_engines() or ["none"], indirect=True)


@pytest.fixture
def engine_name(request: pytest.FixtureRequest) -> str:
    """An inference engine that is installed here."""
    if request.param == "none":
        pytest.fail(f"no inference engine is installed: {engines.available()}")
    return str(request.param)
