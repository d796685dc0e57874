"""The rooms depend on each other in one direction only."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
KERNEL_ROOMS = ["vision", "link", "host", "frames", "firmware"]
FIRMWARE_C = [
    *sorted((ROOT / "csrc/link").glob("*.[ch]")),
    *sorted((ROOT / "csrc/firmware/core").glob("*.[ch]")),
]


def native_sources(room: str) -> list[Path]:
    suffixes = {".c", ".h", ".cpp", ".inc"}
    return sorted(p for p in (ROOT / "csrc" / room).rglob("*") if p.suffix in suffixes)


@pytest.mark.parametrize("room", KERNEL_ROOMS)
def test_kernels_know_no_python(room: str) -> None:
    for path in native_sources(room):
        assert not re.search(r"Python\.h|pybind11|numpy/", path.read_text()), path


def test_the_bridge_never_imports_edgecore() -> None:
    for path in (ROOT / "firmware_bridge").rglob("*.py*"):
        if path.suffix in {".py", ".pyi", ".pyx"}:
            assert not re.search(r"^\s*(from|import)\s+edgecore\b", path.read_text(), re.M), path


def test_edgecore_uses_only_public_names_of_the_bridge() -> None:
    for path in (ROOT / "edgecore").rglob("*.py"):
        assert not re.search(r"firmware_bridge\._|from firmware_bridge import _", path.read_text())


def test_what_runs_in_one_environment_knows_neither_numpy_nor_an_engine() -> None:
    files = {path: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    mark = re.compile(r"^pytestmark = pytest\.mark\.once$", re.M)
    once = {path: text for path, text in files.items() if mark.search(text)}
    assert once
    for path, text in once.items():
        known = r"^\s*(from|import)\s+(numpy|edgecore(?!\.(benchmark|cli|errors)\b))\b|engine_name"
        assert not re.search(known, text, re.M), path


def test_only_rooms_with_properties_import_hypothesis() -> None:
    """They do it by way of its settings here; tests that have no properties go without."""
    loading, using = (
        re.compile(rf"^(from|import) {name}\b", re.M) for name in ("tests.properties", "hypothesis")
    )
    assert not using.search((ROOT / "tests/conftest.py").read_text())
    for path in (ROOT / "tests").rglob("test_*.py"):
        room = path.parent / "conftest.py"
        text = path.read_text() + (room.read_text() if room.exists() else "")
        if using.search(path.read_text()):
            assert loading.search(text), path
    assert not any(
        using.search(path.read_text())
        for path in (ROOT / "tests/hil/suite").iterdir()
        if path.suffix == ".py"
    )


@pytest.mark.parametrize("path", FIRMWARE_C, ids=lambda p: p.name)
def test_firmware_c_is_freestanding(path: Path) -> None:
    allowed = {"stdbool.h", "stddef.h", "stdint.h", "string.h", "limits.h", "float.h"}
    included = set(re.findall(r"#\s*include\s*<([^>]+)>", path.read_text()))
    assert included <= allowed, f"{path.name} includes {sorted(included - allowed)}"
    assert not re.search(r"\b(malloc|calloc|realloc|free|alloca)\s*\(", path.read_text())


def calls(path: Path, folder: Path) -> dict[str, set[str]]:
    """Who calls whom in a C file, as GCC has it before it optimises anything."""
    done = subprocess.run(
        ["gcc", "-std=c99", "-O0", "-fcallgraph-info", "-Icsrc", "-c", path, "-o", folder / "o.o"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    edges: dict[str, set[str]] = {}
    for graph in folder.glob("*.ci"):
        for caller, called in re.findall(
            r'edge: { sourcename: "([^"]+)" targetname: "([^"]+)"', graph.read_text()
        ):
            edges.setdefault(caller.rpartition(":")[2], set()).add(called.rpartition(":")[2])
        graph.unlink()
    return edges


@pytest.mark.skipif(shutil.which("gcc") is None, reason="the call graph is GCC's: no gcc here")
def test_firmware_c_has_no_recursion(tmp_path: Path) -> None:
    graph: dict[str, set[str]] = {}
    for path in FIRMWARE_C:
        if path.suffix == ".c":
            for caller, called in calls(path, tmp_path).items():
                # A static name may stand for several functions: joined, they only call more.
                graph.setdefault(caller, set()).update(called)
    assert "ec_reliable_event" in graph["ec_session_event"], "the graph has the edges it should"
    finished: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in finished:
            for called in graph.get(name, ()):
                visit(called, (*way, name))
            finished.add(name)

    for name in graph:
        visit(name, ())


HEAVY = ["av", "PIL", "asyncio", "ai_edge_litert", "tflite_runtime", "flatbuffers", "cv2", "pytest"]


@pytest.mark.parametrize(
    ("modules", "other"),
    [
        ("edgecore", ["numpy", "rich", "click"]),
        ("firmware_bridge", ["numpy", "rich", "click"]),
        ("firmware_bridge.sim", ["numpy", "firmware_bridge.manifest", "secrets"]),
        ("edgecore.cli", ["numpy", "rich", "firmware_bridge", "importlib.metadata"]),
        ("edgecore.cli.run", ["numpy", "rich", "edgecore.cli.bench", "edgecore.cli.link"]),
        ("edgecore.agent, edgecore.agent.uplink", ["rich", "click", "edgecore.synthetic"]),
        ("edgecore.ring.camera", ["rich", "click", "firmware_bridge", "edgecore.synthetic"]),
    ],
)
def test_import_is_light(modules: str, other: list[str]) -> None:
    """Whoever begins a process with it waits for no more than that process needs."""
    heavy = [*HEAVY, *other]
    script = f"import {modules}, sys; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert out.stdout.strip() == "[]"
