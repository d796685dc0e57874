"""One-token changes of C sources, as a slip of the hand would make them.

The operators are the classical ones of DeMillo, Lipton and Sayward ("Hints on Test Data
Selection", IEEE Computer, 1978). Sources are laid out by clang-format, which the patterns rely on.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SWAPS = {
    " < ": " <= ",
    " <= ": " < ",
    " > ": " >= ",
    " >= ": " > ",
    " == ": " != ",
    " != ": " == ",
    " && ": " || ",
    " || ": " && ",
    " + ": " - ",
    " - ": " + ",
}
SWAP = re.compile("|".join(re.escape(token) for token in sorted(SWAPS, key=len, reverse=True)))
NUMBER = re.compile(r"(?<![\w.])(\d+)(u?)(?![\w.])")
CONDITION = re.compile(r"\bif \(")
STATEMENT = re.compile(
    r"(?<=\n)[ \t]+(?:continue;|break;|(?:\(void\))?\*?[\w.>\[\]-]+(?: [-+*/|&^<>]*= |\(|\+\+|--)"
    r"[^;{}]*;)(?=\s*\n)"
)
INDEX = re.compile(r"(?<=\w)\[([^\[\]]*[a-z][^\[\]]*)\]")
DEFINITION = re.compile(r"^\w[^\n;=]*?(\w+)\(", re.M)
DECLARED = re.compile(r"^\s*(?:const )?(?:struct )?\w+\*? \w+\[")
HIDDEN = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|^#(?:\\\n|[^\n])*", re.S | re.M)


@dataclass(frozen=True)
class Mutant:
    """The change of source[start:end] to `text`."""

    path: Path
    start: int
    end: int
    text: str

    def source(self) -> str:
        whole = self.path.read_text()
        return whole[: self.start] + self.text + whole[self.end :]

    def line(self) -> int:
        return self.path.read_text().count("\n", 0, self.start) + 1

    def function(self) -> str:
        """The one it is in."""
        return str(DEFINITION.findall(self.path.read_text()[: self.start])[-1])

    def change(self) -> tuple[str, str]:
        """The lines concerned, before and after, each on one line."""
        whole = self.path.read_text()
        begin = whole.rfind("\n", 0, self.start + 1) + 1
        end = whole.find("\n", self.end)
        after = whole[begin : self.start] + self.text + whole[self.end : end]
        return " ".join(whole[begin:end].split()), " ".join(after.split())


def _bodies(code: str) -> Iterator[tuple[int, int]]:
    """Where functions' bodies lie: braces at the top level that follow a parenthesis."""
    depth = begin = 0
    for brace in re.finditer(r"[{}]", code):
        if brace[0] == "{":
            if depth == 0:
                begin = brace.end()
            depth += 1
        else:
            depth -= 1
            if depth == 0 and code[: begin - 1].rstrip().endswith(")"):
                yield begin, brace.start()


def _closing(code: str, at: int) -> int:
    """Where the parenthesis ends that is open at `at`."""
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        at += 1
    return at


def mutants_of(path: Path) -> list[Mutant]:
    whole = path.read_text()
    code = HIDDEN.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), whole)
    made = []
    for begin, end in _bodies(code):
        for found in SWAP.finditer(code, begin, end):
            made.append((found.start(), found.end(), SWAPS[found[0]]))
        for found in NUMBER.finditer(code, begin, end):
            value = int(found[1])
            for other in (value + 1, value - 1):
                if other >= 0:
                    made.append((found.start(), found.end(), f"{other}{found[2]}"))
        for found in CONDITION.finditer(code, begin, end):
            close = _closing(code, found.end())
            made.append((found.start(), close, f"if (!({whole[found.end() : close - 1]}))"))
        for found in STATEMENT.finditer(code, begin, end):
            made.append((found.start(), found.end(), ";"))
        for found in INDEX.finditer(code, begin, end):
            if not DECLARED.match(code[code.rfind("\n", 0, found.start()) + 1 :]):
                made.append((found.start(), found.end(), f"[({found[1]}) + 1]"))
    return [Mutant(path, *change) for change in made]
