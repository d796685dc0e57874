"""iceoryx2: a sample loaned and written in place, and its event service to wake the receiver."""

from __future__ import annotations

import ctypes
from importlib.metadata import version

import iceoryx2 as iox2
import numpy as np
from numpy.typing import NDArray

NAME, VERSION = "iceoryx2", version("iceoryx2")


def services(place: str) -> tuple[object, object, object]:
    iox2.set_log_level(iox2.LogLevel.Error)
    node = iox2.NodeBuilder.new().create(iox2.ServiceType.Ipc)
    name = iox2.ServiceName.new(place)
    frames = node.service_builder(name).publish_subscribe(iox2.Slice[ctypes.c_uint8])
    return node, frames.open_or_create(), node.service_builder(name).event().open_or_create()


class Sender:
    def __init__(self, place: str, size: int) -> None:
        self._node, frames, events = services(place)
        self._size = size
        self._publisher = frames.publisher_builder().initial_max_slice_len(size).create()
        self._notifier = events.notifier_builder().create()

    def frame(self) -> NDArray[np.uint8]:
        self._sample = self._publisher.loan_slice_uninit(self._size)
        return np.frombuffer(self._sample.payload().as_memory_view(), np.uint8)

    def send(self) -> None:
        self._sample.assume_init().send()
        self._notifier.notify()

    def close(self) -> None:
        self._publisher.delete()
        self._notifier.delete()


class Receiver:
    def __init__(self, place: str, size: int) -> None:
        self._node, frames, events = services(place)
        self._subscriber = frames.subscriber_builder().create()
        self._listener = events.listener_builder().create()

    def receive(self) -> NDArray[np.uint8]:
        while (sample := self._subscriber.receive()) is None:
            self._listener.blocking_wait()
        self._sample = sample
        return np.frombuffer(sample.payload().as_memory_view(), np.uint8)
