"""A place for the socket: paths of sockets are short, those of pytest are not."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import tests.properties  # noqa: F401


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ring-"))
    yield folder / "camera.sock"
    shutil.rmtree(folder)
