"""Every code block in README.md and docs/ runs, or is a command that CI runs.

Python blocks run top to bottom, one namespace a page, in an empty folder. A line of a `sh` block is
executed there; one that installs must stand in .ci/run, and one that starts `make` must name a
target. Blocks marked `text`, `toml`, `c` or `json` show output, formats and declarations; TOML and
JSON must parse.

A page whose blocks name files (`file=test_x.py`) is a tutorial: its files are written and its `sh`
lines run in their order, in one folder; those of a block marked `fails` must fail.
"""

import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from edgecore.rules import read_rules
from edgecore.rules.loading import KINDS
from tests.link.targets import need_qemu

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.M | re.S)
MARKED = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```", re.M | re.S)
SHOWN_ONLY = {"text", "c"}


def blocks(page: Path, *languages: str) -> list[str]:
    return [body for language, body in BLOCK.findall(page.read_text()) if language in languages]


def is_tutorial(page: Path) -> bool:
    return " file=" in page.read_text()


def page_id(page: Path) -> str:
    return page.name


def test_readme_shows_a_short_runnable_example_before_line_thirty_and_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    first = re.search(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert first is not None
    assert text.count("\n", 0, first.start()) < 30
    assert first[1].count("\n") <= 12
    assert {"make run", "make test"} <= set(commands(ROOT / "README.md"))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_block_names_a_language_we_check(page: Path) -> None:
    known = SHOWN_ONLY | {"python", "sh", "toml", "json"}
    for language, body in BLOCK.findall(page.read_text()):
        assert language in known, f"{page.name}: ```{language}: {body.splitlines()[:1]}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_python_blocks_run(page: Path, tmp_path: Path) -> None:
    marked = MARKED.findall(page.read_text())
    code = "\n".join(body for language, mark, body in marked if (language, mark) == ("python", ""))
    if not code:
        return
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_data_blocks_parse(page: Path) -> None:
    for body in blocks(page, "toml"):
        tomllib.loads(body)
    for body in blocks(page, "json"):
        json.loads(body)


def test_rules_of_the_page_are_rules_and_its_table_has_every_key_and_default() -> None:
    page = ROOT / "docs/rules.md"
    for body in blocks(page, "toml"):
        assert read_rules(tomllib.loads(body)).rules
    rows = dict(re.findall(r"^\| `(\w+)` \| [1-6] \| (.*) \|$", page.read_text(), re.M))
    assert rows.keys() == KINDS.keys()
    for kind, row in rows.items():
        told = dict(re.findall(r'`(\w+)`(?: "?([-\w.]+)"?)?', row))
        fields = dataclasses.fields(KINDS[kind].settings)
        assert told.keys() == {field.name for field in fields}, kind
        for field in fields:
            if isinstance(field.default, float | int | str):
                assert told[field.name] == str(field.default), f"{kind}.{field.name}"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "bench/README.md"], ids=page_id)
def test_source_files_named_in_a_page_exist(page: Path) -> None:
    rooms = ("csrc", "edgecore", "firmware_bridge", "tests", "bench")
    files = [path for room in rooms for path in (ROOT / room).rglob("*.*")]
    for name in re.findall(
        r"`([\w/*.-]+\.(?:py|pyx|pyi|cpp|c|h|inc))(?:::\w+)?`", page.read_text()
    ):
        assert any(path.match(name) for path in files), f"{page.name} names {name}"


def commands(page: Path) -> list[str]:
    joined = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    lines = (line.split("  #")[0].strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.once
@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_shell_lines_run_or_are_what_ci_runs(page: Path, tmp_path: Path) -> None:
    if is_tutorial(page):
        return
    targets = set(re.findall(r"^([.\w/-]+):", (ROOT / "Makefile").read_text(), re.M))
    ci = (ROOT / ".ci/run").read_text()
    scripts = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
    }
    for line in commands(page):
        words = [w for w in shlex.split(line) if "=" not in w]
        if words[0] == "make":
            assert set(words[1:]) <= targets, f"{page.name}: {line}"
        elif words[0] in {"git", "cd", "pip", "apt-get"} or words[:2] == ["python", "setup.py"]:
            assert words[0] in {"git", "cd", "apt-get"} or line in ci, (
                f"{page.name}: {line} is not in .ci/run"
            )
        else:
            done = subprocess.run(
                line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{page.name}: {line}\n{done.stdout}{done.stderr}"


@pytest.mark.once
@pytest.mark.parametrize("page", [p for p in PAGES if is_tutorial(p)], ids=page_id)
def test_tutorial_runs_from_an_empty_folder(page: Path, tmp_path: Path) -> None:
    need_qemu()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTEST_ADDOPTS": "-p edgecore.testing -p no:cacheprovider",
    }
    for language, mark, body in MARKED.findall(page.read_text()):
        if language == "python" and mark.startswith(" file="):
            (tmp_path / mark.removeprefix(" file=")).write_text(body)
        elif language == "sh":
            for line in body.splitlines():
                done = subprocess.run(
                    line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True
                )
                passed = done.returncode == 0
                assert passed != (mark == " fails"), f"{line}\n{done.stdout}{done.stderr}"
