"""An engine's process beneath a ceiling of memory: however it ends of it, the ceiling is named."""

import errno
import os
import signal
import subprocess

import numpy as np
import pytest

import edgecore
from edgecore.isolation import IsolatedDetector, wire
from tests.runtime.engine_children import engine_children
from tests.runtime.test_cli import command, environment

PICTURE = np.full((192, 320, 3), 114, np.uint8)


def failure(ceiling):
    """Of a process that answers one frame beneath it; empty if it does."""
    try:
        with IsolatedDetector(memory_bytes=ceiling, spare=False) as detector:
            detector.detect(PICTURE)
    except edgecore.EdgecoreError as error:
        return str(error)
    return ""


def test_a_process_beyond_its_memory_ends_by_itself():
    assert failure(20 << 20) == "the engine's process needs more than its ceiling of 20971520 bytes"
    assert engine_children(os.getpid()) == set()


@pytest.mark.parametrize("mib", [1, 40, 60, *range(62, 68), 80, *range(91, 98)])
def test_whatever_fails_beneath_a_ceiling_names_it(mib):
    """What does is the engine's affair: an import, a library, an allocation, an invoke."""
    ceiling = mib << 20
    text = failure(ceiling)
    assert not text or f"its ceiling of {ceiling} bytes" in text


class Unlisted:
    """A path that fails as the import of a module does, when memory is short in that moment."""

    def __fspath__(self):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


def test_a_failure_that_nothing_foresaw_is_the_ceilings(capfd):
    with pytest.raises(edgecore.ModelError, match="more than its ceiling"):
        IsolatedDetector(Unlisted(), memory_bytes=1 << 30, spare=False)
    assert capfd.readouterr().err == ""


def test_a_failure_that_nothing_explains_shows_where_it_happened(capfd):
    with pytest.raises(edgecore.EngineError, match=r"ended with status 1$"):
        IsolatedDetector(Unlisted(), spare=False)
    assert "in __fspath__" in capfd.readouterr().err


def test_a_death_on_a_frame_names_the_ceiling():
    with IsolatedDetector(memory_bytes=1 << 30, spare=False) as detector:
        os.kill(detector.pid, signal.SIGSEGV)
        with pytest.raises(edgecore.EngineError, match=r"SIGSEGV \(beneath its ceiling"):
            detector.detect(PICTURE)


def test_the_longest_reason_leaves_room_for_the_ceiling():
    body = wire.text_message(ValueError("x" * wire.TEXT_MOST), wire.beneath(1 << 30))
    assert len(body) == wire.TEXT_MOST
    assert wire.text_of(body).endswith("xxx (beneath its ceiling of 1073741824 bytes)")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ("isolated = true\nmemory_mib = 20", "needs more than its ceiling of 20971520 bytes"),
        ("memory_mib = 4096", "memory_mib: expected isolated = true beside it, got false"),
    ],
)
def test_the_agent_has_the_ceiling_of_its_configuration(tmp_path, settings, reason):
    (tmp_path / "agent.toml").write_text(f"[detector]\n{settings}\n")
    arguments = ("run", "--link", "none", "--duration", "1", "--annotate", "none")
    done = subprocess.run(
        command(*arguments, "--config", tmp_path / "agent.toml", "--out", tmp_path / "out"),
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
