"""A tensor's memory, lent for the length of a `with` block."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from edgecore.errors import EngineError

VIEW_ALIVE = "a view of a tensor is still alive; leave its `with` block and drop its slices first"


class TensorView:
    """A tensor's memory for the length of a `with` block; the address is taken on entry.

    What the block gets is a view of a view. On exit the outer one is emptied, so that a name
    still bound to it holds nothing, while a slice made from it keeps the inner one, and with it
    what the engine counts its views by, which makes invoke and resize refuse. `release` is
    called when the block ends.
    """

    __slots__ = ("_array", "_name", "_release", "_take", "_writeable")

    def __init__(
        self,
        take: Callable[[], NDArray[Any]],
        name: str,
        writeable: bool,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self._take = take
        self._release = release
        self._name = name
        self._writeable = writeable
        self._array: NDArray[Any] | None = None

    def __enter__(self) -> NDArray[Any]:
        try:
            array = self._take()[...]
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"tensor {self._name!r} has no memory before an invoke") from error
        if not self._writeable:
            array.flags.writeable = False
        self._array = array
        return array

    def __exit__(self, *_: object) -> None:
        array, self._array = self._array, None
        if array is not None:
            emptied: Any = (1, (0,), array.dtype, False, b"")
            array.__setstate__(emptied)
            self._release()
