"""The page of boards and models, and the plot of one run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree

import numpy as np

from edgecore.benchmark import plot
from edgecore.benchmark.kept import Accuracy, Run
from edgecore.benchmark.page import QUICKEST, page
from edgecore.benchmark.result import Result
from edgecore.benchmark.scatter import LETTERS, shortened

LONG = "yolov8n_full_integer_quant_of_the_camera_at_the_{}_640x640_retrained_in_november"


def board(name: str, times_us: Mapping[str, float], group: str = "heads") -> Run:
    """A run of one job; passes lie 1 % apart."""
    rows = [
        Result(group, "job", variant, us, us / 100, 9, us * 0.99, us * 1.01)
        for variant, us in times_us.items()
    ]
    return Run(name, name, "2026-01-01", "0.1.0", {row[:3]: row for row in rows}, name)


def rows_of(html: str) -> dict[str, str]:
    """HTML of each row of times by its variant."""
    found = re.findall(r'<td class="variant">([^<]*)</td>(.*?)</tr>', html)
    return dict(found)


def test_boards_of_two_architectures_meet_in_the_set_that_each_runs() -> None:
    pi = board("pi", {"neon": 30.0, "baseline": 90.0})
    pc = board("pc", {"avx512": 11.0, "avx2": 12.0, "baseline": 40.0})
    html = page([pi, pc], [])
    rows = rows_of(html)
    assert next(iter(rows)) == QUICKEST
    assert re.findall(r'([\d.]+ us) <span class="set">(\w+)</span>', rows[QUICKEST]) == [
        ("30 us", "neon"),
        ("11 us", "avx512"),
    ]
    assert 'time best">11 us' in rows[QUICKEST]
    assert rows["neon"].count("not measured") == rows["avx2"].count("not measured") == 1
    assert html.count("time best") == 1
    assert html.count("<td>job</td>") == 1


def test_a_job_of_one_set_has_no_row_of_the_quickest() -> None:
    rows = rows_of(page([board("a", {"baseline": 9.0}), board("b", {"baseline": 3.0})], []))
    assert rows.keys() == {"baseline"}
    assert "time best" in rows["baseline"]


def test_stages_of_a_model_are_no_sets() -> None:
    run = board("a", {"invoke": 9.0, "whole": 12.0}, group="detection")
    assert rows_of(page([run], [])).keys() == {"invoke", "whole"}


def test_many_models_are_numbered_and_named_below() -> None:
    models = [
        Accuracy(LONG.format(f"place_{number}"), 0.3 + number / 1000, 0.5, 10 + number, 3.2)
        for number in range(20)
    ]
    html = page([], models)
    svg = ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])
    texts = ["".join(text.itertext()) for text in svg.iter("text")]
    assert {str(number) for number in range(1, 21)} <= set(texts)
    legend = [text for text in texts if " ms" in text and ": " in text]
    assert len(legend) == 20
    assert max(map(len, legend)) <= LETTERS + 15
    assert legend[0].startswith("1: yolov8n")
    assert "november" in legend[0]
    assert LONG.format("place_19") in html.partition("</svg>")[2]
    width, height = map(float, svg.attrib["viewBox"].split()[2:])
    for text in svg.iter("text"):
        assert 0 <= float(text.attrib["x"]) <= width
        assert 0 <= float(text.attrib["y"]) <= height


def test_a_long_name_is_cut_in_its_middle() -> None:
    assert shortened("small", 10) == "small"
    assert shortened("abcdefghijkl", 10) == "abc...ijkl"


def test_letters_that_the_font_lacks_are_escaped_in_a_plot() -> None:
    def drawn(job: str) -> np.ndarray:
        return np.asarray(plot.draw([Result("heads", job, "any", 9, 1, 9, 9, 9)], "title"))

    assert (drawn("模型\udcff.tflite") == drawn(r"\u6a21\u578b\udcff.tflite")).all()
