"""How a frame becomes a model's input: channel order, normalisation and fit."""

from typing import Literal, NamedTuple

from edgecore.model.facts import Fact
from edgecore.model.graph import Tensor
from edgecore.model.metadata import Metadata


class Preparation(NamedTuple):
    """real = (pixel - mean) / std, of one value or one a channel; and how the frame is fitted."""

    channels: Literal["rgb", "bgr", "gray"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Literal["letterbox", "stretch"]
    anchor: Literal["center", "top-left"]
    pad_value: int


_MINUS_ONE_TO_ONE = {"ssd", "ssd-raw", "blazeface"}
_YOLO = {"yolov5", "yolov8", "yolox", "end-to-end"}


def prepare(picture: Tensor, depth: int, kind: str, metadata: Metadata) -> Preparation:
    """The preparation for input `picture` of `depth` channels under a head of `kind`."""
    return _prepare(picture, depth, kind, metadata)[0]


def facts(picture: Tensor, depth: int, kind: str, metadata: Metadata) -> list[Fact]:
    """What `prepare` decided, with its sources."""
    made, source = _prepare(picture, depth, kind, metadata)
    head = f"convention of a {kind} head" if kind in _YOLO else "no source: the usual"
    mean, std = (", ".join(f"{v:g}" for v in values) for values in (made.mean, made.std))
    fit = str(made.fit)
    if fit == "letterbox":
        fit += f", {made.anchor}, padded with {made.pad_value}"
    return [
        Fact("channels", made.channels, "tensor shape" if depth == 1 else head),
        Fact("normalisation", f"(pixel - {mean}) / {std}", source),
        Fact("fit", fit, head),
    ]


def _prepare(picture: Tensor, depth: int, kind: str, metadata: Metadata) -> tuple[Preparation, str]:
    mean, std, source = _normalisation(picture, kind, metadata)
    channels: Literal["rgb", "bgr", "gray"] = "gray" if depth == 1 else "rgb"
    if kind == "yolox" and depth == 3:
        channels = "bgr"
    return (
        Preparation(
            channels,
            mean,
            std,
            "stretch" if kind in ("ssd", "ssd-raw", "fomo", "classifier") else "letterbox",
            "top-left" if kind == "yolox" else "center",
            114,
        ),
        source,
    )


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
