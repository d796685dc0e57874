"""edgecore/_native.pyi names what the native module takes; stubtest cannot look into pybind11."""

import ast
import re
from pathlib import Path

import pytest

from edgecore import _native

STUB = Path(__file__).resolve().parents[2] / "edgecore" / "_native.pyi"


def declared() -> dict[str, list[str]]:
    """Parameter names of every function and method of the stub, by dotted name."""
    found = {}
    for node in ast.parse(STUB.read_text()).body:
        owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for function in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(function, ast.FunctionDef) and not function.decorator_list:
                arguments = function.args.args + function.args.kwonlyargs
                found[owner + function.name] = [argument.arg for argument in arguments]
    return found


@pytest.mark.parametrize(("name", "parameters"), declared().items(), ids=lambda v: str(v)[:40])
def test_stub_and_module_take_the_same_arguments(name: str, parameters: list[str]) -> None:
    target: object = _native
    for part in name.split("."):
        target = getattr(target, part)
    signature = re.match(r"\w+\((.*)\) ->", target.__doc__ or "")
    assert signature, f"{name} has no signature"
    taken = re.findall(r"(?:^|, )(\w+)(?=: |,|$)", signature[1])
    assert taken == parameters
