"""Power fails at every stage of an update, under load: one of the two images always boots."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

import firmware_bridge as fb
from edgecore.testing.dut import Dut
from firmware_bridge.update import BootState, UpdateState
from tests.hil.suite.load import Load
from tests.hil.suite.test_commands import alerts
from tests.link.author import Author

PATIENCE_S = 60.0
SIZE = 12_000
PARTS = (0.1, 0.7)
"""Of the transfer, after which power fails."""
DELAYS_S = (0.0, 0.004)
"""From an order to the failure of power: before, while or after the device obeys."""

pytestmark = pytest.mark.edge_needs("update", "power", "faults")


@pytest.fixture
def author(tmp_path: Path) -> Author:
    """Who signs images for the device; of a board on a shelf, the folder says who."""
    return Author(Path(os.environ.get("EDGECORE_SHELF", tmp_path)))


@pytest.fixture
def edge_dut(edge_dut: Dut, author: Author) -> Iterator[Dut]:
    """A device of this kind with a flash of its own."""
    if "EDGECORE_SHELF" in os.environ:
        yield edge_dut
        return
    options = f"flash={author.flash}&public_key={author.public}"
    name = edge_dut.name if ":" in edge_dut.name else f"{edge_dut.name}:"
    dut = Dut(f"{name}{'&' if '?' in name else '?'}{options}")
    try:
        yield dut
    finally:
        dut.close()


class Update:
    """One update of a device, whose power the test cuts."""

    def __init__(self, dut: Dut, link: fb.Link, author: Author) -> None:
        self.dut, self.link, self.author = dut, link, author
        self.old = fb.update.state(link, PATIENCE_S)
        self.version = self.old.version + 1
        content = random.Random(self.version).randbytes(SIZE)
        self.path = author.image(self.version, content)
        self.digest = fb.load_manifest(f"{self.path}.manifest").digest

    def wait_for_another_boot(self, boot_id: int) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while self.link.state != "open" or self.link.info.boot_id == boot_id:
            assert time.monotonic() < until_s, "no other boot came"
            time.sleep(0.005)

    def cut(self) -> UpdateState:
        """Off and on; what boots is one of the two, whole."""
        boot_id = self.link.info.boot_id
        self.dut.power(False)
        self.dut.power(True)
        now = None
        while now is None:
            self.wait_for_another_boot(boot_id)
            with contextlib.suppress(fb.UnknownOutcomeError):  # its own reset came before the cut
                now = fb.update.state(self.link, PATIENCE_S)
        assert (now.version, now.digest) in (
            (self.old.version, self.old.digest),
            (self.version, self.digest),
        )
        return now

    def is_old(self, now: UpdateState) -> bool:
        return now.digest == self.old.digest and now.version == self.old.version

    def transfer(self) -> fb.Transfer:
        return self.link.transfer("firmware", self.path, timeout=PATIENCE_S)

    def try_out(self) -> None:
        """The new image runs, on trial."""
        brought = self.transfer()
        boot_id = self.link.info.boot_id
        fb.update.activate(self.link, brought, PATIENCE_S)
        self.wait_for_another_boot(boot_id)
        now = fb.update.state(self.link, PATIENCE_S)
        assert (now.state, now.version) == (BootState.TRIAL, self.version)

    def finish(self) -> None:
        """Whatever happened before, it can be brought to its end, and is then there to stay."""
        fb.update.install(self.link, self.path, timeout=PATIENCE_S)
        now = self.cut()
        assert (now.state, now.version) == (BootState.CONFIRMED, self.version)


def cut_within(update: Update, act: Callable[[], None], delay_s: float) -> tuple[bool, UpdateState]:
    """Power fails so long after the act was begun; whether the device had said that it was done."""
    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(act)
        time.sleep(delay_s)
        now = update.cut()
        error = acting.exception()
        # Asked again after the boot, of what that boot never heard, it refuses.
        assert error is None or isinstance(error, (fb.UnknownOutcomeError, fb.RefusedError))
    return error is None, now


def in_the_transfer(update: Update) -> None:
    cuts: list[UpdateState] = []

    def look(stored: int, whole: int) -> None:
        if len(cuts) < len(PARTS) and stored >= PARTS[len(cuts)] * whole:
            cuts.append(update.cut())

    update.link.transfer("firmware", update.path, progress=look, timeout=PATIENCE_S)
    assert [update.is_old(now) for now in cuts] == [True] * len(PARTS)


def behind_the_transfer(update: Update) -> None:
    update.transfer()
    assert update.is_old(update.cut())


def in_the_activation(update: Update) -> None:
    for delay_s in DELAYS_S:
        brought = update.transfer()
        if brought.active:  # an activation that was cut came to its end all the same
            return
        activate = partial(fb.update.activate, update.link, brought, PATIENCE_S)
        was_done, now = cut_within(update, activate, delay_s)
        assert not was_done or not update.is_old(now) or now.state == BootState.REVERTED


def on_trial(update: Update) -> None:
    update.try_out()
    now = update.cut()
    assert update.is_old(now)
    assert now.state == BootState.REVERTED


def in_the_confirmation(update: Update) -> None:
    for delay_s in DELAYS_S:
        update.try_out()
        confirm = partial(fb.update.confirm, update.link, update.version, PATIENCE_S)
        was_done, now = cut_within(update, confirm, delay_s)
        if not update.is_old(now):
            assert now.state == BootState.CONFIRMED
            return
        assert not was_done
        assert now.state == BootState.REVERTED


@pytest.mark.edge_req("UPDATE-SAFE")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "fail",
    [in_the_transfer, behind_the_transfer, in_the_activation, on_trial, in_the_confirmation],
)
def test_power_that_fails_in_an_update_leaves_one_of_the_images(
    edge_dut: Dut, edge_link: fb.Link, author: Author, fail: Callable[[Update], None]
) -> None:
    update = Update(edge_dut, edge_link, author)
    with Load(edge_link) as load:
        fail(update)
        update.finish()
    load.assert_truthful(alerts(edge_link))
