import contextlib

import pytest

import firmware_bridge as fb
import tests.properties  # noqa: F401
from tests.link.device import Device


@pytest.fixture
def device(tmp_path):
    made = Device(tmp_path / "fw.sock")
    yield made
    with contextlib.suppress(FileNotFoundError):
        made.die()


@pytest.fixture
def link(device):
    with fb.connect(device.url) as made:
        yield made
