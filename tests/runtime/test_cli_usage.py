"""How the command line is used: help of every command, and what is said of a wrong use."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from edgecore.cli import app
from edgecore.cli.command import Argument
from tests.runtime.test_cli import edgecore, environment


def commands(group: click.Group, *above: str) -> Iterator[tuple[list[str], click.Command]]:
    """Every command below a group, and the words that name it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from commands(found, *above, name)
        else:
            yield [*above, name], found


ALERT = "06 01 01 01 01 07 02 01 0b f4 01 01 02 dc 05 79 9a bd 14 00"
COMMANDS = list(commands(app))


@pytest.mark.parametrize(
    ("words", "found"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS]
)
def test_help_tells_of_every_argument_and_option(words: list[str], found: click.Command) -> None:
    done = CliRunner().invoke(app, [*words, "-h"])
    assert done.exit_code == 0
    whole = "".join(done.output.split())
    for one in found.params:
        assert isinstance(one, Argument | click.Option)
        described = one.described if isinstance(one, Argument) else one.help
        assert described
        assert described.replace(" ", "") in whole
        if isinstance(one, click.Option):
            assert ",".join(sorted(one.opts, key=len)) in whole


def test_a_group_lists_its_commands_with_their_first_sentence_whole() -> None:
    done = CliRunner().invoke(app, ["link", "--help"])
    said = " ".join(done.output.split())
    assert "interrupted at any time, it goes on when called again" in said
    assert "..." not in said.partition("Commands:")[2]


@pytest.mark.parametrize("words", [[], ["link"]])
def test_no_command_at_all_gets_the_help_and_is_wrong_use(tmp_path: Path, words: list[str]) -> None:
    done = edgecore(tmp_path, *words)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout == edgecore(tmp_path, *words, "--help").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rum"], "No such command 'rum'. Did you mean 'run'?"),
        (["link", "log_table"], "No such command 'log_table'. Did you mean 'log-table'?"),
        (["something"], "No such command 'something'."),
        (["--", "--something"], "No such command '--something'."),
        (["run", "--duration", "long"], "'long' is not a valid float."),
        (["run", "more"], "Got unexpected extra argument"),
        (["detect"], "Missing argument 'INPUT...'."),
        (["eval", "-m", "a.tflite"], "Missing option '--coco'."),
        (["bench", "--num-threads", "65"], "65 is not in the range 1<=x<=64."),
        (["bench", "--seconds", "nan"], "expected a number, got nan"),
        (["link", "monitor", "sim:", "--interval", "nan"], "expected a number, got nan"),
        (["run", "--\x1b]0;evil\x07"], r"--\x1b]0;evil\x07"),
    ],
)
def test_wrong_use_is_one_line_after_the_usage(tmp_path: Path, words: list[str], said: str) -> None:
    done = edgecore(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    usage, *_, line = done.stderr.splitlines()
    assert usage.startswith("Usage: edgecore ")
    assert line.startswith("Error: ")
    assert said in line


@pytest.mark.parametrize("words", ["detect a.png", "bench", "eval -m a --coco b --images c"])
def test_an_engine_that_is_none_is_named(tmp_path: Path, words: str) -> None:
    done = edgecore(tmp_path, *words.split(), "--engine", "litter")
    assert done.returncode == 1
    assert done.stderr == "edgecore: --engine: expected auto, litert or tflite, got 'litter'\n"


def test_ctrl_c_ends_a_command_as_it_ends_any_program(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import signal, sys\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # jobs ignore it
            "from edgecore.cli import main\n"
            "sys.argv[1:] = ['link', 'decode', '-']\n"
            "main()\n",
        ],
        cwd=tmp_path,
        env={**environment(), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(bytes.fromhex(ALERT) * 400)
    process.stdin.flush()
    assert b"Alert" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert (process.returncode, said) == (128 + signal.SIGINT, b"")
