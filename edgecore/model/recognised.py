"""What a graph's outputs turned out to be."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecore.heads import Head


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a graph's outputs are.

    Args:
        kind: name of the head, decodable or not.
        reason: how it was told, or, where it cannot be decoded, why not.
        classes: number of classes, 0 where the graph does not say.
        normalized: boxes are parts of the input's sides; and how that was told.
        head: as `edgecore.decode` takes it, None where it cannot be decoded.
        details: further decisions about it, by name.
        labels: of the only classes that a head of this kind has.
    """

    kind: str
    reason: str
    classes: int = 0
    normalized: bool = True
    normalized_reason: str = ""
    head: "Head | None" = None
    details: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()
