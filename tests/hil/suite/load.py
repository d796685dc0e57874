"""Commands and telemetry that go on while a test does something else, and what became of them."""

from __future__ import annotations

import threading
from collections import Counter
from types import TracebackType

import firmware_bridge as fb
from tests.hil.suite.test_commands import ALERT, PATIENCE_S, alerts


class Load:
    """Alerts, one after the other, and a reader of the device's own count of them, on threads.

    Attributes:
        certain: alerts that were done, by the boot that did them.
        vague: those that were done or not, nobody can say, or in which of two boots.
        counted: what each boot said last of how many it had been given.
        failures: what else came of them.
    """

    def __init__(self, link: fb.Link) -> None:
        self.certain: Counter[int] = Counter()
        self.vague = 0
        self.counted: dict[int, int] = {}
        self.failures: list[BaseException] = []
        self._link, self._over = link, threading.Event()
        self._before = {link.info.boot_id: alerts(link)}
        self._records = link.subscribe("status")
        self._threads = [
            threading.Thread(target=self._keep_asking, name="alerts"),
            threading.Thread(target=self._keep_reading, name="telemetry"),
        ]

    def _keep_asking(self) -> None:
        while not self._over.is_set():
            boot_id = self._link.info.boot_id
            try:
                self._link.request(ALERT, PATIENCE_S)
            except fb.UnknownOutcomeError:
                self.vague += 1
            except BaseException as error:
                self.failures.append(error)
                return
            else:
                if self._link.info.boot_id == boot_id:
                    self.certain[boot_id] += 1
                else:
                    self.vague += 1

    def _keep_reading(self) -> None:
        for batch in self._records:
            boots, counts = batch["boot_id"].tolist(), batch["alerts"].tolist()
            self.counted.update(zip(boots, counts, strict=True))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._threads[0].join()
        self._records.close()
        self._threads[1].join()

    def assert_truthful(self, alerts_now: int) -> None:
        """No alert was done that the host was not told of, nor told of that was not done.

        `alerts_now`: what the boot that runs says, after the load has ended.
        """
        assert not self.failures
        assert sum(self.certain.values()) > 0
        running = self._link.info.boot_id
        assert self.certain[running] <= alerts_now - self._before.get(running, 0)
        for boot_id, counted in {**self.counted, running: alerts_now}.items():
            least = self._before.get(boot_id, 0) + self.certain[boot_id]
            assert counted <= least + self.vague
