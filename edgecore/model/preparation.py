"""How a frame becomes a model's input: channel order, normalisation and fit."""

from typing import Literal, NamedTuple

from edgecore.model.facts import Fact, Fit
from edgecore.model.graph import Tensor
from edgecore.model.metadata import Metadata


class Preparation(NamedTuple):
    """real = (pixel - mean) / std, of one value or one a channel; and how the frame is fitted."""

    channels: Literal["rgb", "bgr", "gray"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit
    anchor: Literal["center", "top-left"]
    pad_value: int


_STRETCHED = {"fomo", "classifier"}
_MINUS_ONE_TO_ONE = {"ssd", "ssd-raw", "blazeface"}
_YOLO = {"yolov5", "yolov8", "yolox", "end-to-end"}


def prepare(
    picture: Tensor, depth: int, kind: str, metadata: Metadata, fit: Fit | None
) -> tuple[Preparation, list[Fact]]:
    """How a frame becomes input `picture`, and the facts about it.

    Args:
        picture: the input tensor.
        depth: its channels, 1 or 3.
        kind: of the head.
        metadata: for its normalisation.
        fit: the user's word, None for the head's usual one.
    """
    convention = f"convention of a {kind} head" if kind in _YOLO else "no source: the usual"
    mean, std, source = _normalisation(picture, kind, metadata)
    channels: Literal["rgb", "bgr", "gray"] = "gray" if depth == 1 else "rgb"
    if kind == "yolox" and depth == 3:
        channels = "bgr"
    made = Preparation(
        channels=channels,
        mean=mean,
        std=std,
        fit=fit or ("stretch" if kind in _STRETCHED else "letterbox"),
        anchor="top-left" if kind == "yolox" else "center",
        pad_value=114,
    )
    means, stds = (", ".join(f"{v:g}" for v in values) for values in (mean, std))
    text: str = made.fit
    if made.fit == "letterbox":
        text += f", {made.anchor}, padded with {made.pad_value}"
    return made, [
        Fact("channels", channels, "tensor shape" if depth == 1 else convention),
        Fact("normalisation", f"(pixel - {means}) / {stds}", source),
        Fact("fit", text, "user" if fit else convention),
    ]


def _normalisation(
    picture: Tensor, kind: str, metadata: Metadata
) -> tuple[tuple[float, ...], tuple[float, ...], str]:
    """A quantised input takes pixels as its levels, unless metadata maps them elsewhere."""
    if picture.levels and picture.scale:
        offset, std = picture.zero_point - picture.levels[0], 1.0 / picture.scale
        if not _elsewhere(metadata, offset, std):
            return (float(offset),), (std,), "input quantisation: one level a pixel value"
    if metadata.mean:
        return metadata.mean, metadata.std, metadata.source
    if picture.levels and not picture.scale:
        return (0.0,), (1.0,), "tensor type: plain bytes"
    if kind == "yolox":
        return (0.0,), (1.0,), "convention of a yolox head: 0 to 255"
    if kind in _MINUS_ONE_TO_ONE:
        return (127.5,), (127.5,), f"convention of a {kind} head: -1 to 1"
    return (0.0,), (255.0,), "no source: the usual 0 to 1"


def _elsewhere(metadata: Metadata, offset: float, std: float) -> bool:
    """Whether metadata puts some pixel more than two levels from where the levels put it."""
    return any(
        abs((pixel - m) / s * std + offset - pixel) > 2.0
        for m, s in zip(metadata.mean, metadata.std, strict=False)
        for pixel in (0.0, 255.0)
    )
