"""Fixtures every room shares."""

import datetime
import os
import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import harness
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


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Write what a long test measured to docs/proof/<its name>.md, with machine and date."""

    def write(promise: str, **figures: object) -> None:
        name = request.node.name.removeprefix("test_").split("[")[0]
        page = Path(__file__).parent.parent / "docs/proof" / f"{name}.md"
        machine = f"{harness.machine()}, Python {platform.python_version()}"
        rows = "\n".join(f"| {key.replace('_', ' ')} | {value} |" for key, value in figures.items())
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(
            f"# {promise}\n\n`make prove`, {request.node.nodeid}; {machine}; "
            f"{datetime.date.today()}.\n\n| figure | value |\n|---|---|\n{rows}\n"
        )

    return write
