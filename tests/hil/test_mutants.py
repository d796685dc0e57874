"""Mistakes in firmware and host, kept as patches in `mutants`, are each caught by the suite.

What a patch says is in `seeded`; docs/hil.md, "Our own suite".
"""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import harness
from tests.hil.seeded import ROOT, Bug, Verdict, copied, judge
from tests.link.targets import need_qemu

BUGS = [Bug(path) for path in sorted((ROOT / "tests/hil/mutants").glob("*.patch"))]
BY_NAME = {bug.path.stem: bug for bug in BUGS}
PAGE = ROOT / "docs/proof/seeded_bugs.md"


@pytest.fixture(scope="module")
def objects() -> None:
    """What extensions are linked of is as the sources are."""
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=ROOT, check=True
    )


@pytest.fixture(scope="module")
def page() -> Iterator[dict[str, str]]:
    """Gets a row for each bug; with all of them it is written."""
    rows: dict[str, str] = {}
    yield rows
    if len(rows) < len(BUGS):
        return
    head = ["mistake", "in", "target", "test", "s"]
    table = [f"| {' | '.join(head)} |", "|---|---|---|---|---|", *(rows[k] for k in sorted(rows))]
    PAGE.write_text(
        "# every seeded bug is caught\n\n"
        "`make prove`, tests/hil/test_mutants.py::test_mistake_is_caught; "
        f"{harness.machine()}; {datetime.date.today()}. Patches are in `tests/hil/mutants`; the "
        "first test that failed on each, and seconds from the start of pytest to its end.\n\n"
        + "\n".join(table)
        + "\n"
    )


def row(bug: Bug, verdict: Verdict) -> str:
    cells = [f"`{bug.path.stem}`: {bug.what}", bug.said("In"), bug.target, f"`{verdict.failed}`"]
    return f"| {' | '.join([*cells, f'{verdict.took_s:.0f}'])} |"


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.path.stem)
def test_patch_fits_and_says_what_catches_it(bug: Bug, tmp_path: Path) -> None:
    for name in bug.files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    bug.plant(tmp_path)
    assert bug.what.endswith(".")
    assert bug.said("In") in ("firmware", "host")
    assert bug.said("Caught by")
    re.compile(bug.said("Says"))


def catch(bug: Bug, folder: Path) -> Verdict:
    """What the tests that are to notice it say of it."""
    tree = bug.plant(copied(folder))
    verdict = judge(tree, bug.build(tree), bug.said("Caught by"))
    assert verdict.status == 1, verdict.text
    assert verdict.failed is not None, verdict.text
    assert re.search(bug.said("Says"), verdict.text), verdict.text
    return verdict


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.path.stem)
def test_mistake_is_caught(bug: Bug, tmp_path: Path, objects: None, page: dict[str, str]) -> None:
    if bug.target.startswith("qemu"):
        need_qemu()
    page[bug.path.stem] = row(bug, catch(bug, tmp_path))


@pytest.mark.timeout(300)
def test_mistake_in_the_firmware_is_caught(tmp_path: Path) -> None:
    need_qemu()
    catch(BY_NAME["narrow-duration"], tmp_path)


@pytest.mark.timeout(300)
def test_mistake_on_the_host_is_caught(tmp_path: Path) -> None:
    catch(BY_NAME["swapped-outcomes"], tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_copy_without_a_mistake_passes(tmp_path: Path) -> None:
    tests = " or ".join(f"({bug.said('Caught by')})" for bug in BUGS if bug.target == "sim")
    verdict = judge(copied(tmp_path), "sim", tests)
    assert verdict.status == 0, verdict.text
