"""Tables of figures that lose none of them, however narrow the terminal is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

NAME_MIN = 14
"""Columns of a terminal that names get at least in a table; with less each row is a list."""
WIDE = 10_000


class Row(NamedTuple):
    """One row: texts of its name and of its figures, and the styles of those that have one."""

    name: str
    figures: Sequence[str]
    styles: Sequence[str] = ()


def console() -> Console:
    """Of stdout: as wide as the terminal, and as wide as anything where there is none."""
    from rich.console import Console

    made = Console()
    return made if made.is_terminal else Console(width=WIDE)


def print_figures(
    console: Console, heads: Sequence[str], rows: Sequence[Row], *, title: str = ""
) -> None:
    """Print them as a table, or one below the other where a table of them is too wide.

    Args:
        heads: of the names and of each column of figures; folded where there is no room.
        rows: at least one, each of one figure less than there are heads.
        title: above them.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    widths = _widths(console.width, heads, rows)
    if not widths:
        return _print_list(console, heads, rows, title)
    above = Text(printable(title)) if title else None
    table = Table(box=box.SIMPLE_HEAD, title=above, title_justify="left")
    table.add_column(Text(printable(heads[0])), width=widths[0], overflow="fold")
    for head, width in zip(heads[1:], widths[1:], strict=True):
        table.add_column(Text(printable(head)), justify="right", width=width, overflow="fold")
    for row in rows:
        table.add_row(Text(printable(row.name)), *_texts(row))
    console.print(table)


def _widths(room: int, heads: Sequence[str], rows: Sequence[Row]) -> list[int]:
    """Of each column, in characters; none where a table is too wide."""
    columns = zip(*(row.figures for row in rows), strict=True)
    figures = [max(map(_length, column)) for column in columns]
    whole = list(map(max, figures, map(_length, heads[1:])))
    name = max(map(_length, (heads[0], *(row.name for row in rows))))
    room -= 3 * len(heads) + 1
    for widths in (whole, figures):
        left = room - sum(widths)
        if left >= min(name, NAME_MIN):
            return [min(name, left), *widths]
    return []


def _length(text: str) -> int:
    from rich.cells import cell_len

    return max(1, cell_len(printable(text)))


def _print_list(console: Console, heads: Sequence[str], rows: Sequence[Row], title: str) -> None:
    from rich.table import Table
    from rich.text import Text

    if title:
        console.print(Text(printable(title), "italic"))
    for row in rows:
        console.print(Text(printable(row.name)), overflow="fold")
        table = Table.grid(padding=(0, 2, 0, 2))
        table.add_column(overflow="fold")
        table.add_column(justify="right", no_wrap=True)
        for head, text in zip(heads[1:], _texts(row), strict=True):
            table.add_row(Text(printable(head)), text)
        console.print(table)
    console.print()


def _texts(row: Row) -> list[Text]:
    from rich.text import Text

    styles = [*row.styles, *[""] * (len(row.figures) - len(row.styles))]
    return [Text(*pair) for pair in zip(map(printable, row.figures), styles, strict=True)]
