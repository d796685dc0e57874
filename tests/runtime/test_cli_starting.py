"""Python's collector is kept from an agent's start, and begins with its run."""

import gc

import pytest

from edgecore.cli.starting import started, starting


def test_collections_begin_with_the_run_and_leave_out_what_is_there() -> None:
    try:
        with starting():
            assert not gc.isenabled()
            started()
            assert gc.isenabled()
            assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_start_that_fails_leaves_collections_on() -> None:
    with pytest.raises(ValueError, match="no such model"), starting():
        raise ValueError("no such model")
    assert gc.isenabled()
