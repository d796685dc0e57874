"""`--edge-report`: what a run came to, as a page and as JSON."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from edgecore.pages.axis import LogAxis
from edgecore.pages.document import escaped
from edgecore.testing.matrix import TestRun, matrix, read_requirements
from tests.hil.strangers import run, write

MIXED = """
    import pytest

    @pytest.mark.edge_req("A-1", "A-2")
    def test_good():
        pass

    @pytest.mark.edge_req("A-2")
    def test_bad():
        assert 1 == 2, "one is not <two>"

    @pytest.fixture
    def broken():
        raise RuntimeError("no supply")

    @pytest.mark.edge_req("A-3")
    def test_rig(broken):
        pass

    @pytest.mark.skip(reason="not today")
    @pytest.mark.edge_req("A-4")
    def test_left_out():
        pass

    @pytest.mark.edge_req("A-5")
    @pytest.mark.xfail(reason="known")
    def test_known():
        assert False

    def test_after(request):
        request.addfinalizer(lambda: 1 / 0)

    def test_plain(record_property):
        record_property("speed", 3)
"""
LISTED = """
# of the brake
A-1 Brakes when asked
A-2 Brakes <b>in time</b>

A-9 Never brakes by itself
A-4   Brakes on ice
"""

# Other rigs' plugins, where they are installed: one skips every test without an environment of its
# own, another's use of pytest warns.
BESIDE = ("-p", "no:labgrid", "-W", "default")
HAS_XDIST = importlib.util.find_spec("xdist") is not None
WORKERS = pytest.mark.skipif(not HAS_XDIST, reason="`make hil` has xdist")
EACH_WAY = [pytest.param((), id="one"), pytest.param(("-n", "1"), id="worker", marks=WORKERS)]


def report(folder: Path, *arguments: str, **env: str) -> tuple[str, dict[str, Any], str]:
    """What pytest said, the JSON, the page."""
    done = run(folder, *BESIDE, "--edge-report", "out", *arguments, **env)
    told = json.loads((folder / "out" / "report.json").read_text())
    return done.stdout, told, (folder / "out" / "report.html").read_text()


def parsed(page: str) -> ElementTree.Element:
    """The page's body; it is also XML, so nothing in it is left open."""
    return ElementTree.fromstring(page[page.index("<body>") : page.index("</html>")])


def text(element: ElementTree.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def rows(body: ElementTree.Element, heading: str) -> list[list[str]]:
    """Cells of the table that follows a heading, its head left out."""
    parts = list(body)
    at = next(n for n, part in enumerate(parts) if part.tag == "h2" and text(part) == heading)
    found = next(part for part in parts[at:] if part.tag == "table")
    return [[text(cell) for cell in row] for row in found.findall("tr")[1:]]


def test_every_outcome_is_told_and_the_matrix_is_theirs(tmp_path: Path) -> None:
    write(tmp_path, test_mixed=MIXED)
    (tmp_path / "listed.txt").write_text(LISTED)
    said, told, page = report(
        tmp_path, "--edge-requirements", "listed.txt", "--edge-seed", "7", "--edge-target", "sim"
    )
    assert "edgecore: report:" in said
    outcomes = {test["id"].partition("::")[2]: test["outcome"] for test in told["tests"]}
    assert outcomes == {
        "test_good": "passed",
        "test_bad": "failed",
        "test_rig": "error",
        "test_left_out": "skipped",
        "test_known": "xfailed",
        "test_after": "error",
        "test_plain": "passed",
    }
    assert {row["id"]: row["verdict"] for row in told["requirements"]} == {
        "A-1": "shown",
        "A-2": "failed",
        "A-9": "no test",
        "A-4": "not shown",
        "A-3": "failed",
        "A-5": "not shown",
    }
    assert (told["target"], told["seed"], told["exit_status"]) == ("sim", 7, 1)
    body = parsed(page)
    table = rows(body, "Requirements")
    assert [(row[1], row[0]) for row in table] == [
        (row["id"], row["verdict"]) for row in told["requirements"]
    ]
    assert table[1][2] == "Brakes <b>in time</b>"
    assert table[1][3] == "test_mixed.py::test_good passed test_mixed.py::test_bad failed"
    assert "1 of 6 shown, 2 failed, 3 without a test that ran." in text(body)
    assert "--edge-target sim --edge-seed 7" in text(body)
    tests = {row[1].split()[0].partition("::")[2]: row for row in rows(body, "Tests")}
    assert {name: row[0] for name, row in tests.items()} == outcomes
    assert "one is not <two>" in tests["test_bad"][1]
    assert "no supply" in tests["test_rig"][1]
    assert "not today" in tests["test_left_out"][1]
    assert "known" in tests["test_known"][1]
    assert "division by zero" in tests["test_after"][1]
    assert "speed 3" in tests["test_plain"][1]


def test_a_page_needs_nothing_else_and_runs_nothing(tmp_path: Path) -> None:
    write(tmp_path, test_mixed=MIXED)
    _, _, page = report(tmp_path)
    assert not re.search(r"<(script|link|img|iframe)|\bsrc=|https?:|@import|url\(", page)


HOSTILE = """
    import pytest

    NAME = "</td><script>alert(1)</script>&amp;'\\""
    NOISE = "\\0 \\x1b[31m \\x85"

    @pytest.mark.edge_req(NAME)
    @pytest.mark.parametrize("value", [1], ids=[NAME])
    def test_hostile(value, record_property):
        record_property(NAME, NAME)
        assert not value, NAME + NOISE

    @pytest.mark.skip(reason=NAME)
    def test_skipped():
        pass
"""


def test_names_of_any_kind_are_text(tmp_path: Path) -> None:
    write(tmp_path, test_hostile=HOSTILE)
    (tmp_path / "listed.txt").write_text("R-1 </table><script>alert(2)</script>\n")
    _, told, page = report(tmp_path, "--edge-requirements", "listed.txt")
    assert "<script" not in page
    name = "</td><script>alert(1)</script>&amp;'\""
    table = rows(parsed(page), "Requirements")
    assert [row[1] for row in table] == ["R-1", name]
    assert table[0][2] == "</table><script>alert(2)</script>"
    assert told["requirements"][1]["id"] == name


def test_a_run_without_tests_and_one_that_cannot_be_collected(tmp_path: Path) -> None:
    write(tmp_path, test_none="")
    _, told, page = report(tmp_path)
    assert told["tests"] == []
    assert "No test ran." in text(parsed(page))
    write(tmp_path, test_none="import nowhere_to_be_found")
    _, told, page = report(tmp_path)
    assert [(test["id"], test["outcome"]) for test in told["tests"]] == [("test_none.py", "error")]
    assert "nowhere_to_be_found" in rows(parsed(page), "Tests")[0][1]


MEASURED = """
    import pytest
    import firmware_bridge as fb

    @pytest.mark.edge_req("L-1")
    @pytest.mark.parametrize("mode", ["single-stream", "burst"])
    def test_latency(edge_link, edge_latency, mode):
        edge_latency.commands(edge_link, mode, fb.Alert(kind=1, level=1), 10, rate_hz=100)
        edge_latency.commands(edge_link, mode, fb.Alert(kind=99, level=1), 2, rate_hz=100)

    def test_nothing_measured(edge_latency):
        pass
"""


def latencies(told: dict[str, Any]) -> dict[str, Any]:
    return {test["id"].partition("::")[2]: test["latency"] for test in told["tests"]}


def check_measured(told: dict[str, Any], page: str) -> None:
    found = latencies(told)
    assert found.pop("test_nothing_measured") == []
    assert set(found) == {"test_latency[single-stream]", "test_latency[burst]"}
    for name, (series,) in found.items():
        assert series["series"] == f"commands, {name.partition('[')[2][:-1]}"
        assert (len(series["passages"]), series["failed"]) == (10, 2)
    body = parsed(page)
    assert text(body).count("10 done, 2 not done") == 2
    side_by_side = rows(body, "Latency")
    assert [row[0] for row in side_by_side[:2]] == [
        f"commands, {name.partition('[')[2][:-1]}" for name in found
    ]
    drawn = [row for row in body.iter("tr") if row.find(".//svg/rect") is not None]
    assert len(drawn) == 2 * 7 + 2  # of each test, and both side by side
    for row in drawn:
        crosses = row.findall("td")[6].text is not None
        assert (row.find(".//line[@class='bound']") is not None) == crosses
    assert sum(row.findall("td")[6].text is not None for row in drawn) == 2 * 3 + 2


def test_latencies_stand_in_page_json_and_junit(tmp_path: Path) -> None:
    write(tmp_path, test_measured=MEASURED)
    _, told, page = report(tmp_path, "--junitxml", "junit.xml", "-o", "junit_family=xunit1")
    check_measured(told, page)
    names = [
        each.get("name") for each in ElementTree.parse(tmp_path / "junit.xml").iter("property")
    ]
    assert names.count("requirement") == 2
    assert "latency: commands, burst: to the device: p99_ms" in names
    assert "latency: commands, burst: to the device: error_ms" in names
    assert "latency: commands, burst: in the device: error_ms" not in names


def test_series_of_one_name_are_told_apart_by_their_tests(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_measured="""
            import pytest
            import firmware_bridge as fb

            @pytest.mark.parametrize("level", [1, 2])
            def test_alerts(edge_link, edge_latency, level):
                edge_latency.commands(edge_link, "burst", fb.Alert(kind=1, level=level), 3)
        """,
    )
    _, _, page = report(tmp_path)
    assert [row[0] for row in rows(parsed(page), "Latency")[:2]] == [
        "commands, burst: test_alerts[1]",
        "commands, burst: test_alerts[2]",
    ]


@WORKERS
def test_workers_report_to_one_page(tmp_path: Path) -> None:
    write(tmp_path, test_measured=MEASURED, test_mixed=MIXED)
    _, told, page = report(tmp_path, "-n", "2")
    assert len(told["tests"]) == 10
    assert latencies(told).keys() >= {"test_latency[burst]", "test_nothing_measured"}
    verdicts = {row["id"]: row["verdict"] for row in told["requirements"]}
    assert (verdicts["A-2"], verdicts["A-4"], verdicts["L-1"]) == ("failed", "not shown", "shown")
    measured = [test for test in told["tests"] if test["id"].startswith("test_measured")]
    check_measured({"tests": measured}, page)


@WORKERS
def test_requirement_of_a_test_that_crashed_its_worker_has_failed(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_crash="""
            import os
            import pytest

            @pytest.mark.edge_req("A-1")
            def test_crash():
                os._exit(3)
        """,
    )
    _, told, _ = report(tmp_path, "-n", "2", "-p", "no:pytest_embedded")
    assert {row["id"]: row["verdict"] for row in told["requirements"]} == {"A-1": "failed"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--edge-requirements", "listed.txt"], "expected --edge-report FOLDER beside it"),
        (["--edge-report", "listed.txt"], "--edge-report: listed.txt: File exists"),
        (["--edge-report", "/proc"], "--edge-report: /proc: "),
        (["--edge-report", "o", "--edge-requirements", "no.txt"], "--edge-requirements: no.txt:"),
        (
            ["--edge-report", "o", "--edge-requirements", "listed.txt"],
            "line 3: expected each requirement once, got A-1 again",
        ),
    ],
)
def test_what_cannot_be_is_said_before_a_test_runs(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    write(tmp_path, test_mixed=MIXED)
    (tmp_path / "listed.txt").write_text("A-1 one\nA-2 two\nA-1 three\n")
    done = run(tmp_path, *arguments)
    assert done.returncode == 4
    assert message in done.stdout
    assert "passed" not in done.stdout


def test_report_that_cannot_be_written_is_told_after_the_tests(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_gone="""
            import shutil

            def test_gone():
                shutil.rmtree("report")
        """,
    )
    done = run(tmp_path, *BESIDE, "--edge-report", "report")
    assert "edgecore: report: not written: " in done.stdout
    assert re.search(r"report\.json: No such file or directory$", done.stdout, re.M)
    assert "1 passed" in done.stdout
    assert "Traceback" not in done.stdout
    assert done.returncode == 3


@pytest.mark.parametrize(
    ("marker", "given"),
    [
        ('edge_req("A", 3)', "edge_req: expected one text or several, got ('A', 3)"),
        ('edge_req(["A", "B"])', "edge_req: expected one text or several, got (['A', 'B'])"),
        ('edge_req(id="A")', "edge_req: expected one text or several, got (id='A')"),
        ("edge_req()", "edge_req: expected one text or several, got ()"),
        ('edge_needs({"reset"})', "edge_needs: expected one text or several, got ({'reset'})"),
    ],
)
@pytest.mark.parametrize("workers", EACH_WAY)
def test_markers_without_names_are_errors(
    tmp_path: Path, workers: tuple[str, ...], marker: str, given: str
) -> None:
    write(
        tmp_path,
        test_marked=f"""
            import pytest

            @pytest.mark.{marker}
            def test_it():
                pass

            def test_other():
                pass
        """,
    )
    done = run(tmp_path, *BESIDE, "-p", "no:pytest_embedded", *workers)
    assert re.search(rf"^ERROR test_marked.py::test_it - .*{re.escape(given)}", done.stdout, re.M)
    assert re.search(r"\b1 passed, 1 error\b", done.stdout)


def one(name: str, outcome: Any, *requirements: str) -> TestRun:
    return TestRun(name, outcome, 0.1, requirements)


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([], "no test"),
        (["skipped"], "not shown"),
        (["xfailed", "skipped"], "not shown"),
        (["passed", "skipped"], "shown"),
        (["xpassed"], "shown"),
        (["not run"], "not shown"),
        (["passed", "failed"], "failed"),
        (["error", "passed"], "failed"),
    ],
)
def test_verdict_of_a_requirement(outcomes: list[str], verdict: str) -> None:
    tests = [one(str(number), outcome, "R", "R") for number, outcome in enumerate(outcomes)]
    (row,) = matrix(tests, {"R": "title"})
    assert (row.verdict, row.title, row.tests) == (verdict, "title", tuple(tests))


def test_requirements_are_listed_a_line_each(tmp_path: Path) -> None:
    path = tmp_path / "listed.txt"
    path.write_text("\n# no\n  R-1   The first  \nR-2\n")
    assert read_requirements(path) == {"R-1": "The first", "R-2": ""}


def test_requirements_may_come_from_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "listed.txt"
    path.write_bytes(b"\xef\xbb\xbfR-1\tThe first\r\nR-2\t\r\n")
    assert read_requirements(path) == {"R-1": "The first", "R-2": ""}


def test_what_no_page_can_hold_is_marked() -> None:
    assert escaped("a\0\ud800\x1b\tb\n<") == "a\ufffd\ufffd\ufffd\tb\n&lt;"


def test_axis_places_values_between_its_edges() -> None:
    axis = LogAxis.around([0.0, -3.0, 1.0, 100.0], 10.0, 110.0, least=0.001)
    assert axis.at(-1.0) == axis.at(0.001) == 10.0
    assert axis.at(1e9) == 110.0
    assert axis.at(1.0) - axis.at(0.1) == pytest.approx(axis.at(10.0) - axis.at(1.0))
    assert axis.ticks() == pytest.approx([0.001, 0.01, 0.1, 1.0, 10.0, 100.0])
    assert LogAxis.around([2.0], 0.0, 1.0, least=1e-3).ticks() == pytest.approx(
        [2.0, 3.0, 4.0, 5.0]
    )
    assert LogAxis.around([], 0.0, 1.0, least=1e-3).ticks()
