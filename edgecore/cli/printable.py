"""Names of files and words of devices, for a terminal that they are not to command."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text, codes and what is no text in it as Python writes them."""
    return "".join(
        each if each.isprintable() or each in "\n\t\xa0" else repr(each)[1:-1] for each in text
    )
