"""Integers of a FlexBuffer map: the options of a custom operator. Every offset is checked."""

_KINDS_INT = {1: True, 2: False}  # kind -> signed
_KIND_MAP = 9


def integers(data: bytes) -> dict[str, int]:
    """The integer entries of the map that `data` holds; empty where it holds no sound map."""
    try:
        return _map_integers(data)
    except (IndexError, ValueError):
        return {}


def _map_integers(data: bytes) -> dict[str, int]:
    if len(data) < 3 or data[-2] >> 2 != _KIND_MAP:
        return {}
    width = data[-1]
    at = len(data) - 2 - width
    values_at = at - _unsigned(data, at, width)
    width = 1 << (data[-2] & 3)
    count = _unsigned(data, values_at - width, width)
    keys_at = values_at - 3 * width
    keys_at -= _unsigned(data, keys_at, width)
    key_width = _unsigned(data, values_at - 2 * width, width)
    types_at = values_at + count * width
    found = {}
    for index in range(min(count, len(data))):
        kind = _unsigned(data, types_at + index, 1) >> 2
        if kind not in _KINDS_INT:
            continue
        key_slot = keys_at + index * key_width
        key_at = key_slot - _unsigned(data, key_slot, key_width)
        if key_at < 0:
            raise IndexError(key_at)
        key = data[key_at : data.index(0, key_at)].decode("ascii", "replace")
        value_at = values_at + index * width
        value = _unsigned(data, value_at, width)
        if _KINDS_INT[kind]:
            value = int.from_bytes(data[value_at : value_at + width], "little", signed=True)
        found[key] = value
    return found


def _unsigned(data: bytes, at: int, width: int) -> int:
    if width not in (1, 2, 4, 8) or at < 0 or at + width > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + width], "little")
