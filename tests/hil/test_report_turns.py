"""Tests that had no turn, or more than one, as a report tells of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.hil.strangers import write
from tests.hil.test_report import EACH_WAY, parsed, report, text

LATER = """
    import pytest

    @pytest.mark.edge_req("A-1")
    def test_first():
        assert False

    @pytest.mark.edge_req("A-2")
    def test_second():
        pass
"""


@pytest.mark.parametrize("workers", EACH_WAY)
@pytest.mark.parametrize(
    ("arguments", "outcomes", "verdicts"),
    [
        (
            ["-x"],
            {"test_first": ("failed", ""), "test_second": ("not run", "the run ended before")},
            {"A-1": "failed", "A-2": "not shown"},
        ),
        (
            ["-k", "second"],
            {"test_first": ("not run", "deselected"), "test_second": ("passed", "")},
            {"A-1": "not shown", "A-2": "shown"},
        ),
    ],
)
def test_tests_without_a_turn_are_told_and_have_requirements(
    tmp_path: Path,
    workers: tuple[str, ...],
    arguments: list[str],
    outcomes: dict[str, tuple[str, str]],
    verdicts: dict[str, str],
) -> None:
    write(tmp_path, test_later=LATER)
    (tmp_path / "listed.txt").write_text("A-1\nA-2\nA-3\n")
    beside = ("--edge-requirements", "listed.txt", "-p", "no:pytest_embedded")
    _, told, page = report(tmp_path, *beside, *arguments, *workers)
    tests = {test["id"].partition("::")[2]: test for test in told["tests"]}
    assert tests.keys() == outcomes.keys()
    for name, (outcome, reason) in outcomes.items():
        assert tests[name]["outcome"] == outcome
        assert reason in tests[name]["reason"]
    found = {row["id"]: row["verdict"] for row in told["requirements"]}
    assert found == verdicts | {"A-3": "no test"}
    assert "1 not run" in text(parsed(page))


RERUNS = pytest.mark.skipif(
    importlib.util.find_spec("pytest_rerunfailures") is None, reason="`make hil` has rerunfailures"
)


@RERUNS
def test_latencies_are_those_of_the_last_try(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_again="""
            import firmware_bridge as fb

            TRIES = []

            def test_again(edge_dut, edge_link, edge_latency):
                TRIES.append(edge_link.info.boot_id)
                edge_latency.commands(edge_link, "burst", fb.Alert(kind=1, level=1), len(TRIES))
                assert len(TRIES) == 2

            def test_later(edge_link):
                assert edge_link.info.boot_id == TRIES[1]  # no reset after the try that passed
        """,
    )
    arguments = ("--reruns", "1", "-p", "no:pytest_embedded", "--junitxml", "junit.xml")
    _, told, _ = report(tmp_path, *arguments, "-o", "junit_family=xunit1")
    assert [test["outcome"] for test in told["tests"]] == ["passed", "passed"]
    assert len(told["tests"][0]["latency"][0]["passages"]) == 2
    root = ElementTree.parse(tmp_path / "junit.xml")
    cases = root.findall(".//testcase[@name='test_again']")
    assert cases
    for case in cases:
        names = [each.get("name") for each in case.iter("property")]
        assert len(names) == len(set(names)) > 0


@RERUNS
def test_a_test_that_passed_at_its_second_try_says_so(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_again="""
            TRIES = []

            def test_again():
                TRIES.append(1)
                assert len(TRIES) == 2, "no answer"
        """,
    )
    _, told, page = report(tmp_path, "--reruns", "1", "-p", "no:pytest_embedded")
    (test,) = told["tests"]
    assert (test["outcome"], test["reason"]) == ("passed", "tried again: AssertionError: no answer")
    assert "assert len(TRIES) == 2" in page
