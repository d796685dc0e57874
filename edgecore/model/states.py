"""State tensors of a recurrent model: outputs that are the inputs of the next frame."""

from itertools import takewhile

from edgecore.model.graph import Graph, Tensor


def pair_states(graph: Graph, picture: int) -> tuple[tuple[int, int], ...]:
    """Pairs of input and output index, by input.

    An input other than `picture` is paired with the output of the same shape, type and
    quantisation; where several are alike, with the one whose name ends most alike, then the
    first.
    """
    free = list(range(len(graph.outputs)))
    pairs = []
    for position, tensor in enumerate(graph.inputs):
        if position == picture:
            continue
        alike = [place for place in free if _same_kind(tensor, graph.outputs[place])]
        if alike:
            best = max(alike, key=lambda p: (_common_end(tensor, graph.outputs[p]), -p))
            free.remove(best)
            pairs.append((position, best))
    return tuple(pairs)


def _same_kind(one: Tensor, other: Tensor) -> bool:
    return (one.shape, one.dtype, one.scale, one.zero_point) == (
        other.shape,
        other.dtype,
        other.scale,
        other.zero_point,
    )


def _common_end(one: Tensor, other: Tensor) -> int:
    pairs = zip(reversed(_bare(one)), reversed(_bare(other)), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _bare(tensor: Tensor) -> str:
    return tensor.name.partition(":")[0]
