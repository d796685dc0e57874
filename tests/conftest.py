"""Fixtures every room shares."""

import datetime
import gc
import os
import platform
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from edgecore.benchmark.machine import machine

# Where the package is installed pytest has found the plugin by itself.
pytest_plugins = ["edgecore.testing"]


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis looks for the profile that it was asked for next."""
    if config.getoption("--hypothesis-profile", None):
        import tests.properties  # noqa: F401


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported stays: Python's collector is kept from looking at it, now and later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real models, pictures and video; see docs/developing.md."""
    folder = os.environ.get("EDGECORE_TEST_DATA")
    if not folder:
        if os.environ.get("CI"):
            pytest.fail("EDGECORE_TEST_DATA is not set, and CI skips none of these tests")
        pytest.skip("EDGECORE_TEST_DATA is not set: real models and pictures are not at hand")
    return Path(folder)


def _engines() -> dict[str, str | None]:
    """Each engine, and why it is not there; asked for late, most rooms run without."""
    from edgecore import engines

    return engines.available()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that take `engine_name` run once for each engine this interpreter has."""
    if "engine_name" in metafunc.fixturenames:
        installed = [name for name, reason in _engines().items() if reason is None]
        metafunc.parametrize("engine_name", installed or ["none"], indirect=True)


@pytest.fixture
def engine_name(request: pytest.FixtureRequest) -> str:
    """An inference engine that is installed here."""
    if request.param == "none":
        pytest.fail(f"no inference engine is installed: {_engines()}")
    return str(request.param)


@pytest.fixture(scope="session")
def proven() -> dict[str, dict[str, dict[str, object]]]:
    """Figures of this run: by test, by its parameters, by name."""
    return {}


@pytest.fixture
def proof(
    request: pytest.FixtureRequest, proven: dict[str, dict[str, dict[str, object]]]
) -> Callable[..., None]:
    """Write what a long test measured to docs/proof/<its name>.md, with machine and date.

    A test with parameters gets one page with a column for each of them; one that runs in both
    environments, a page for each engine. `by` is the command that repeats it.
    """

    def write(promise: str, *, engine: str = "", by: str = "make prove", **figures: object) -> None:
        test, _, parameters = request.node.name.removesuffix("]").partition("[")
        name = "_on_".join(filter(None, (test.removeprefix("test_"), engine)))
        parameters = parameters.removeprefix(f"{engine}-")
        columns = proven.setdefault(name, {})
        columns[parameters] = figures
        page = Path(__file__).parent.parent / "docs/proof" / f"{name}.md"
        ran_on = f"{machine()}, Python {platform.python_version()}"
        where = request.node.nodeid.partition("[")[0]
        rows = [
            ["figure", *(parameters or "value" for parameters in columns)],
            ["---"] * (len(columns) + 1),
            *(
                [key.replace("_", " "), *(str(column.get(key, "")) for column in columns.values())]
                for key in figures
            ),
        ]
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(
            f"# {promise}\n\n`{by}`, {where}; {ran_on}; {datetime.date.today()}.\n\n{table}\n"
        )

    return write
