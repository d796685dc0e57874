"""The first accelerator of those the user allows that can be had."""

import logging
from collections.abc import Callable, Sequence

from edgecore.engines.protocol import Engine
from edgecore.errors import EngineError

_log = logging.getLogger(__name__)


def first(
    choices: Sequence[str], open_one: Callable[[str], Engine]
) -> tuple[Engine, tuple[EngineError, ...]]:
    """The engine on the first of `choices` that `open_one` can open, and why not on those before.

    Raises:
        EngineError: none can be had; an AcceleratorError where there was one choice only.
    """
    refused: list[EngineError] = []
    for choice in choices:
        try:
            engine = open_one(choice)
        except EngineError as error:
            refused.append(error)
            continue
        if refused:
            _log.warning("running on %s instead: %s", choice, _joined(refused))
        return engine, tuple(refused)
    if len(refused) == 1:
        raise refused[0]
    raise EngineError(_joined(refused))


def _joined(errors: Sequence[EngineError]) -> str:
    return "; ".join(map(str, errors))
