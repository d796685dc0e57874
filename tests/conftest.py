"""Fixtures every room shares."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real models, pictures and video; see docs/developing.md."""
    folder = os.environ.get("EDGECORE_TEST_DATA")
    if not folder:
        if os.environ.get("CI"):
            pytest.fail("EDGECORE_TEST_DATA is not set, and CI skips none of these tests")
        pytest.skip("EDGECORE_TEST_DATA is not set: real models and pictures are not at hand")
    return Path(folder)
