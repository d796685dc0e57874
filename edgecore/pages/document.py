"""What all our pages share: the document around them, how they look, and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

_UNSAID = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufffe\\uffff]")
STYLE = """
:root { color-scheme: light dark; --bar: #9cc3e6; --best: #5fa463; --faint: #8888; --dot: #2d63aa; }
:root { --idle: #6b7280; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; }
body { max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .2rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .2rem .6rem .2rem 0; vertical-align: top; }
th { border-bottom: 1px solid var(--faint); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0; }
dt { color: var(--idle); } dd { margin: 0; overflow-wrap: anywhere; }
svg text { fill: currentColor; font-size: 12px; } svg .axis { stroke: var(--faint); }
@media (prefers-color-scheme: dark) {
  :root { --bar: #3d6d99; --best: #3f7f45; --dot: #7fb2ea; --idle: #9aa4b2; }
}
"""


def document(title: str, parts: Iterable[str], *, style: str = "") -> str:
    """HTML of a page.

    Args:
        title: text, also its first heading.
        parts: HTML, one after the other.
        style: rules of its own, after those of all pages.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escaped(title)}</title><style>{STYLE}{style}</style></head><body>\n"
        f"<h1>{escaped(title)}</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def escaped(value: str) -> str:
    """HTML of plain text; what no page can hold, such as control characters, is marked."""
    return escape(_UNSAID.sub("\N{REPLACEMENT CHARACTER}", value))


def cells(*texts: str, tag: str = "td") -> str:
    """Cells of a row, each of plain text."""
    return "".join(f"<{tag}>{escaped(text)}</{tag}>" for text in texts)


def table(head: Sequence[str], rows: Iterable[str], *, kind: str = "") -> str:
    """HTML of a table: texts of its head, the cells of each row as HTML, and its class."""
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<table class="{kind}"><tr>{cells(*head, tag="th")}</tr>{body}</table>'


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """HTML of names and what they are, texts."""
    told = "".join(f"<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>" for name, value in pairs)
    return f"<dl>{told}</dl>"
