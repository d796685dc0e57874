"""What stands behind the question mark in a URL, and in a target's name."""

from __future__ import annotations

from urllib.parse import unquote


def url_options(url: str, value: str = "a value") -> dict[str, str]:
    """Values by name, of `?name=value&name=value`; %XX is decoded, `+` is a plus.

    Args:
        url: the whole of it.
        value: what each option takes, for the error.

    Raises:
        ValueError: an option without a value, as of a variable that is not set in a shell.
    """
    found: dict[str, str] = {}
    for option in filter(None, url.partition("?")[2].split("&")):
        name, _, given = option.partition("=")
        if not given:
            raise ValueError(f"{name}: expected {value}, got none")
        found[unquote(name)] = unquote(given)
    return found
