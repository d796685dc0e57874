"""What happens in a pipeline beside results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from edgecore.errors import EdgecoreError

Kind: TypeAlias = Literal[
    "source_lost",
    "source_back",
    "source_error",
    "source_failed",
    "source_ended",
    "engine_error",
    "engine_failed",
    "governor",
    "swap_verified",
    "swap_tested",
    "swap_refused",
    "swapped",
    "swap_confirmed",
    "swap_rolled_back",
]


@dataclass(frozen=True, slots=True)
class PipelineEvent:
    """One thing that happened.

    Attributes:
        kind: source_lost, source_back: a live source went silent and is tried again, or gives
            frames again; source_error: one item of a source cannot be had, it goes on;
            source_failed, source_ended: it will give no more; engine_error: an engine failed on
            a frame; engine_failed: it did so once too often and is not used any more;
            governor: the pipeline was slowed down, or let go again; swap_verified, swap_tested:
            a new model's file, and what it made of recorded frames, are in order; swap_refused:
            the new model never ran, the old one goes on; swapped: it runs, on trial;
            swap_confirmed, swap_rolled_back: it stays, or the old one is back.
        reason: why, in one line for people; "" where there is nothing to say.
        source: name of the source it concerns; None where it concerns none.
        engine: number of the engine it concerns; None where it concerns none.
        frame_id: of the frame it concerns; None where it concerns none.
    """

    kind: Kind
    reason: str = ""
    source: str | None = None
    engine: int | None = None
    frame_id: int | None = None


def in_a_line(error: BaseException) -> str:
    """An error for people, with its kind where it is none of edgecore's own."""
    text = " ".join(str(error).split())
    return text if isinstance(error, EdgecoreError) else f"{type(error).__name__}: {text}"
