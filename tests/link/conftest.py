import contextlib

import pytest

from tests.link.device import Device


@pytest.fixture
def device(tmp_path):
    made = Device(tmp_path / "fw.sock")
    yield made
    with contextlib.suppress(FileNotFoundError):
        made.die()
