"""What is known of a model file, and where each fact came from."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from edgecore.errors import ModelError

if TYPE_CHECKING:
    from edgecore.heads import Head


Fit: TypeAlias = Literal["letterbox", "stretch"]


class Fact(NamedTuple):
    """One thing that was decided about a model, and what it was decided by."""

    name: str
    value: str
    source: str


class Trial(NamedTuple):
    """What a first run on an all-zero picture showed: the largest stored value of each output."""

    largest: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A model file as the detector needs it.

    Args:
        path: the file.
        kind: name of the head, decodable or not.
        input_index: which input is the picture.
        input_size: its height and width, pixels.
        input_shape: its whole shape; an engine whose input differs is to be resized to it.
        layout: order of its dimensions.
        dtype: of its elements.
        output_indices: the outputs that a head reads, in the model's order.
        labels: name of each class id; empty where nothing names them.
        channels, mean, std: real = (pixel - mean) / std, of one value or one a channel.
        fit, anchor, pad_value: how a frame is brought to input_size.
        state: pairs of input and output index; the output is the input of the next frame.
        facts: every decision with its source.
        known_head: the head, None where none can be decoded.
        no_head_reason: why none can be decoded, "" where one can.
    """

    path: Path
    kind: str
    input_index: int
    input_size: tuple[int, int]
    input_shape: tuple[int, ...]
    layout: Literal["nhwc", "nchw"]
    dtype: str
    output_indices: tuple[int, ...]
    labels: tuple[str, ...]
    channels: Literal["rgb", "bgr", "gray"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit
    anchor: Literal["center", "top-left"]
    pad_value: int
    state: tuple[tuple[int, int], ...]
    facts: tuple[Fact, ...]
    known_head: "Head | None"
    no_head_reason: str

    @property
    def head(self) -> "Head":
        """The head as `edgecore.decode` takes it; an SSD's indices count output_indices.

        Raises:
            ModelError: no known head, or one that cannot be decoded; the text says which.
        """
        if self.known_head is None:
            raise ModelError(f"{self.path.name}: no known head: {self.no_head_reason}")
        return self.known_head
