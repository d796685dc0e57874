"""The plugin beside those that other rigs use. `make hil` installs them."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

import pytest

from tests.hil.strangers import THREE_LINES, run, write
from tests.link.targets import need_qemu

PLUGINS = ("xdist", "pytest_embedded", "labgrid")
# Both define a fixture `target`: without an environment of labgrid's every test of the other skips.
NO_LABGRID = ("-p", "no:labgrid", "-W", "default")
NO_EMBEDDED = ("-p", "no:pytest_embedded", "-W", "default")


@pytest.fixture(autouse=True, scope="module")
def need_plugins() -> None:
    missing = [name for name in PLUGINS if importlib.util.find_spec(name) is None]
    if missing and os.environ.get("EDGECORE_RIGS"):
        pytest.fail(f"no {', '.join(missing)} here, and `make hil` skips none of these tests")
    if missing:
        pytest.skip(f"no {', '.join(missing)} here; `make hil` has them")


EMBEDDED = """
    import firmware_bridge as fb
    import pytest

    @pytest.mark.timeout(60)
    def test_alert(edge_link):
        edge_link.request(fb.Alert(kind=1, level=2, duration_ms=100), timeout=10)

    def test_options_and_fixtures_of_both(edge_dut, target, msg_queue):
        assert target == "esp32"
        assert edge_dut.name == "sim"
"""


def test_beside_pytest_embedded(tmp_path: Path) -> None:
    write(tmp_path, test_embedded=EMBEDDED)
    done = run(tmp_path, "--edge-target", "sim", "--target", "esp32", *NO_LABGRID)
    assert re.search(r"\b2 passed\b", done.stdout.splitlines()[-1]), done.stdout
    assert re.search(r"^plugins: .*embedded-.*timeout-", done.stdout, re.M), done.stdout


LABGRID = """
    import firmware_bridge as fb

    def test_alert(edge_link, target):
        assert target.name == "main"
        edge_link.request(fb.Alert(kind=1, level=2, duration_ms=100), timeout=10)
"""


def test_beside_labgrid(tmp_path: Path) -> None:
    write(tmp_path, test_labgrid=LABGRID)
    (tmp_path / "env.yaml").write_text("targets:\n  main:\n    resources: {}\n")
    done = run(tmp_path, "--edge-target", "sim", "--lg-env", "env.yaml", *NO_EMBEDDED)
    assert re.search(r"\b1 passed\b", done.stdout.splitlines()[-1]), done.stdout
    assert re.search(r"^plugins: .*labgrid-", done.stdout, re.M), done.stdout


WORKERS = """
    import os
    import pytest
    import firmware_bridge as fb

    @pytest.mark.parametrize("turn", range(8))
    def test_alert(edge_dut, edge_link, turn):
        edge_link.request(fb.Alert(kind=1, level=2, duration_ms=20), timeout=10)
        name = os.environ["PYTEST_XDIST_WORKER"]
        print(f"DEVICE {name} {edge_link.info.boot_id}")

    def test_no_such_board(edge_dut):
        edge_dut.flash("none.elf")
"""


@pytest.mark.parametrize("target", ["sim", "qemu"])
def test_each_worker_of_xdist_has_a_device_of_its_own(tmp_path: Path, target: str) -> None:
    if target == "qemu":
        need_qemu()
    write(tmp_path, test_workers=WORKERS)
    done = run(tmp_path, "-n", "2", "--edge-target", target, *NO_LABGRID)
    assert re.search(r"\b8 passed\b.*\b1 error\b", done.stdout.splitlines()[-1]), done.stdout
    boots = dict(re.findall(r"DEVICE (gw\d) (\d+)", done.stdout))
    assert len(boots) == 2, done.stdout
    assert len(set(boots.values())) == 2


def test_workers_share_the_seed(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_seed="""
            import pytest
            from edgecore.testing.options import seed

            @pytest.mark.parametrize("turn", range(4))
            def test_seed(request, turn):
                print("SEED", seed(request.config))
        """,
    )
    done = run(tmp_path, "-n", "2", *NO_LABGRID)
    assert len(set(re.findall(r"SEED \d+", done.stdout))) == 1, done.stdout


def test_three_lines_ten_times_over_two_workers(tmp_path: Path) -> None:
    write(tmp_path, **{f"test_alert_{turn}": THREE_LINES for turn in range(10)})
    done = run(tmp_path, "-n", "2", *NO_LABGRID)
    assert re.search(r"\b10 passed\b", done.stdout.splitlines()[-1]), done.stdout
