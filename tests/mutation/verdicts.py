"""What earlier runs found, kept in build/mutants.json for as long as it must still be so."""

import ast
import functools
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "build/mutants.json"
CODE = ("csrc/link/*", "csrc/host/*", "csrc/firmware/core/*", "csrc/firmware/port/host/*")
PYTHON = ("firmware_bridge/*.p*", "firmware_bridge/testing/*.py", "tests/mutation/quick.py")
TESTS = "tests/link/test_*.py"


@functools.cache
def digest(*patterns: str) -> str:
    """Of the names and the contents of those files."""
    found = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in ROOT.glob(pattern)}):
        if path.is_file():
            found.update(f"{path.relative_to(ROOT)} {path.stat().st_size}\n".encode())
            found.update(path.read_bytes())
    return found.hexdigest()


def rest_of_tests() -> list[str]:
    """What tests are made of besides themselves; targets.py serves machines, which are left out."""
    found = set(ROOT.glob("tests/link/*.*")) - set(ROOT.glob(TESTS))
    found.discard(ROOT / "tests/link/targets.py")
    return [str(path.relative_to(ROOT)) for path in found]


@functools.cache
def text_of(test: str) -> str:
    """The source of a test, by its node id; empty when it is gone."""
    file, _, name = test.partition("::")
    source = (ROOT / file).read_text()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name.split("[")[0]:
            begin = min(each.lineno for each in (node, *node.decorator_list))
            return "\n".join(source.splitlines()[begin - 1 : node.end_lineno])
    return ""


class Verdicts:
    """By mutant, what noticed it; forgotten with any change of the code or of that test.

    Survivors are not kept: a new test may notice them.
    """

    def __init__(self) -> None:
        self._kept: dict[str, list[str]] = json.loads(KEPT.read_text()) if KEPT.exists() else {}

    def _basis(self, witness: str, near: tuple[str, ...]) -> str:
        """A signal names no test: any of the nearest may have led to it."""
        rest = (*CODE, *PYTHON, *rest_of_tests())
        if "::" in witness:
            return f"{digest(*rest)} {hashlib.sha256(text_of(witness).encode()).hexdigest()}"
        return digest(*rest, *(f"tests/link/test_{name}.py" for name in near))

    def get(self, mutant: str, near: tuple[str, ...]) -> str | None:
        witness, basis = self._kept.get(mutant, ("", ""))
        return witness if basis and basis == self._basis(witness, near) else None

    def put(self, mutant: str, witness: str, near: tuple[str, ...]) -> None:
        self._kept[mutant] = [witness, self._basis(witness, near)]
        KEPT.write_text(json.dumps(self._kept, indent=1))
