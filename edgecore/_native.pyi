"""Private: the kernels of csrc/vision. Arguments are checked by the public modules."""

MAX_SIDE: int

def plane_shapes(format: str, width: int, height: int) -> list[tuple[int, int, int]]:
    """Rows, columns and channels of each plane."""
