"""An image is kept once it is confirmed, given up if not, and never an older one than before."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import firmware_bridge as fb
from edgecore.testing.dut import Dut
from firmware_bridge.testing.faults import Faults
from firmware_bridge.update import BootState
from tests.link.author import Author

pytestmark = pytest.mark.edge_needs("update")

PATIENCE_S = 30.0
IMAGE = random.Random(13).randbytes(20_000)


@pytest.fixture
def author(tmp_path: Path) -> Author:
    return Author(tmp_path)


@contextmanager
def device_of(author: Author, like: Dut) -> Iterator[tuple[str, Callable[[], None], Faults | None]]:
    """Another device of the kind under test, which trusts the author: url, reset, faults."""
    kind, _, machine = like.name.partition("?")[0].partition(":")
    if kind == "qemu":
        from firmware_bridge.testing.qemu import Machine

        with Machine(
            machine or "mps2-an386", flash=author.flash, verify=fb.verifier(author.public)
        ) as made:
            made.run()
            yield made.url, made.reset, None
        return
    if kind != "sim":
        pytest.skip(f"{like.name} has an author of its own, whose key is not here")
    dut = Dut(f"sim:?flash={author.flash}&public_key={author.public}")
    dut.begin(None, 0)
    try:
        yield dut.url, dut.reset, dut.faults
    finally:
        dut.close()


def after(reset: Callable[[], None], link: fb.Link) -> fb.update.UpdateState:
    """What runs after it."""
    boot_id = link.info.boot_id
    reset()
    until_s = time.monotonic() + PATIENCE_S
    while link.state != "open" or link.info.boot_id == boot_id:
        assert time.monotonic() < until_s, "no other boot came"
        time.sleep(0.005)
    return fb.update.state(link)


def test_confirmed_image_stays_and_no_older_one_is_taken(edge_dut: Dut, author: Author) -> None:
    with (
        device_of(author, edge_dut) as (url, reset, _),
        fb.connect(url, timeout=PATIENCE_S) as link,
    ):
        fb.update.install(link, author.image(7, IMAGE))
        now = after(reset, link)
        assert (now.state, now.version, now.floor) == (BootState.CONFIRMED, 7, 7)
        with pytest.raises(fb.TransferError) as refused:
            link.transfer("firmware", author.image(6, IMAGE[::-1]))
        assert refused.value.status == fb.TransferStatus.ROLLBACK
        assert fb.update.state(link).version == 7


def test_image_that_nobody_confirms_is_given_up(edge_dut: Dut, author: Author) -> None:
    with (
        device_of(author, edge_dut) as (url, reset, _),
        fb.connect(url, timeout=PATIENCE_S) as link,
    ):
        brought = link.transfer("firmware", author.image(7, IMAGE))
        now = after(lambda: fb.update.activate(link, brought), link)
        assert (now.state, now.version) == (BootState.TRIAL, 7)
        now = after(reset, link)
        assert (now.state, now.version) == (BootState.REVERTED, 0)


def test_transfer_goes_on_where_it_was_when_the_line_failed(edge_dut: Dut, author: Author) -> None:
    path = author.image(7, 10 * IMAGE)
    with (
        device_of(author, edge_dut) as (url, _, faults),
        fb.connect(url, timeout=PATIENCE_S) as link,
    ):
        if faults is None:
            pytest.skip("there is no fault bridge in its line")

        def pull_once(stored: int, whole: int) -> None:
            if stored > whole // 3 and faults.counts["unplugs"] == 0:
                faults.unplug(for_s=0.05)

        link.transfer("firmware", path, progress=pull_once, timeout=PATIENCE_S)
        assert faults.counts["unplugs"] == 1
