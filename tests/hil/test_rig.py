"""A rig's file: its commands are run, in time, and what they said is kept."""

from __future__ import annotations

import contextlib
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import firmware_bridge as fb
from edgecore.testing import RigError
from edgecore.testing.dut import Dut
from firmware_bridge.testing.targets import TargetError, open_target
from tests.link import test_own_messages as own_messages
from tests.link.pty_firmware import firmware


@pytest.fixture
def port() -> Iterator[str]:
    with firmware() as name:
        yield name


def rig(folder: Path, port: str, **entries: str) -> str:
    path = folder / "rig.toml"
    lines = [f'port = "{port}"', *(f"{key} = {value}" for key, value in entries.items())]
    path.write_text("\n".join(lines))
    return f"rig:{path}"


def command(code: str, *arguments: str) -> str:
    """As it stands in the file."""
    return f"'''{shlex.join([sys.executable, '-c', code])} {' '.join(arguments)}'''"


def test_commands_are_run_and_what_they_said_is_kept(tmp_path: Path, port: str) -> None:
    spec = rig(
        tmp_path,
        port,
        name='"bench 3"',
        capabilities='["vehicle"]',
        power_on=command("print('relay closed')"),
        power_off=command("print('relay open')"),
        reset=command("print('reset line low')"),
        flash=command("import sys; print('writing', sys.argv[1])", "{image}"),
    )
    dut = Dut(spec)
    try:
        assert dut.name == "bench 3"
        assert dut.capabilities == {"vehicle", "power", "reset", "flash"}
        dut.reset()
        image = tmp_path / "new.bin"
        image.touch()
        dut.flash(image)
        dut.stop()
        dut.start()
        said = [line for line in dut.logs.splitlines() if not line.startswith("$")]
        assert said == [
            "relay closed",
            "reset line low",
            f"writing {image}",
            "relay open",
            "relay closed",
        ]
        with dut.connect() as link:
            link.request(fb.Alert(kind=1, level=1), timeout=10)
        with pytest.raises(RigError, match="no fault bridge in its line"):
            dut.heard("status")
    finally:
        dut.close()


def test_bridge_stands_in_the_line_where_the_file_says_so(tmp_path: Path, port: str) -> None:
    dut = Dut(rig(tmp_path, port, bridge="true"))
    try:
        assert dut.capabilities == {"faults"}
        with dut.connect() as link:
            dut.faults.flip()
            link.request(fb.Alert(kind=1, level=1), timeout=10)
        assert dut.faults.counts["bits_flipped"] == 1
    finally:
        dut.close()


def test_faults_that_the_rig_cannot_do_are_refused_when_they_are_asked_for(
    tmp_path: Path, port: str
) -> None:
    with contextlib.closing(Dut(rig(tmp_path, port, bridge="true"))) as dut:
        for fault, needed in (
            ("reboot", "reset"),
            ("reboot_in_frame", "reset"),
            ("brown_out", "power"),
        ):
            for ask in (getattr(dut.faults, fault), lambda name=fault: dut.faults.at(0.0, name)):
                with pytest.raises(RigError, match=rf"expected a rig with {needed}, it has faults"):
                    ask()
        assert dut.faults.journal == []
        dut.end(failed=False)


def test_messages_of_its_own_are_known_in_every_test(tmp_path: Path) -> None:
    """A host fetches a table once: in the tests after the first it does not pass."""
    with (
        own_messages.running(own_messages.build(tmp_path / "pump")) as pump,
        contextlib.closing(Dut(rig(tmp_path, pump, bridge="true"))) as dut,
    ):
        for _ in range(2):
            dut.begin(None, 0)
            with dut.connect() as link:
                assert "tank" in link.schema.by_name
                assert dut.wait_for("tank")["t_us"] > 0
                assert dut.heard("tank")
            assert not [each for each in dut.traffic if each.message == "imu"]
            dut.end(failed=False)


def test_port_that_is_not_there_is_named_behind_a_bridge_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecore.testing.dut.PATIENCE_S", (0.2,))
    spec = rig(tmp_path, "/dev/ttyNOWHERE", bridge="true")
    with contextlib.closing(Dut(spec)) as dut, pytest.raises(RigError, match="ttyNOWHERE: No such"):
        dut.connect()


def test_command_that_fails_is_an_error_of_the_rig(tmp_path: Path, port: str) -> None:
    fails = command("import sys; print('no relay'); sys.exit(3)")
    spec = rig(tmp_path, port, reset=fails, timeout_s="60")
    with contextlib.closing(open_target(spec)) as target:
        with pytest.raises(TargetError, match=r"reset: `.*` ended with 3: no relay"):
            target.reset()
        assert target.logs().splitlines()[-1] == "no relay"


def test_clock_of_a_board_is_nobodys_to_set(tmp_path: Path, port: str) -> None:
    target = open_target(rig(tmp_path, port, capabilities='["vehicle"]'))
    with pytest.raises(TargetError, match="this rig cannot set its clock; it has vehicle"):
        target.step(1.0)


def test_missing_program_is_named(tmp_path: Path, port: str) -> None:
    spec = rig(tmp_path, port, reset='"no-such-program --now"')
    with (
        contextlib.closing(open_target(spec)) as target,
        pytest.raises(TargetError, match="reset: no-such-program: No such file"),
    ):
        target.reset()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port = ", "not valid TOML"),
        ("power_on = 'x'", "expected a key `port`"),
        ("port = 7", "port: expected str, got int"),
        ("port = 'x'\ntimeout_s = true", "timeout_s: expected float, got bool"),
        ("port = 'x'\nspeed = 3", "expected keys of port, .*, got 'speed'"),
        ("port = 'x'\nreset = ''", "reset: expected a command, got ''"),
        ("port = 'x'\nflash = 'say \"it'", "flash: expected a command, got .*: No closing"),
        (
            "port = 'x'\nflash = 'write new.bin'",
            r"flash: expected \{image\} in the command, got 'wr",
        ),
        ("port = '\udcff'", "not valid TOML: 'utf-8' codec can't decode"),
        ("port = 'x'\ncapabilities = [1]", "capabilities: expected str each, got int"),
        ("port = 'x'\ntimeout_s = nan", "timeout_s: expected seconds, more than 0, got nan"),
        ("port = 'x'\ntimeout_s = inf", "timeout_s: expected seconds, more than 0, got inf"),
        *(
            (f"port = {port}", "port: expected the device's path or URL, got ")
            for port in ("''", "' '")
        ),
        *(
            (f"port = 'x'\ncapabilities = ['vehicle', '{name}']", f"capabilities: {name}: {text}")
            for name, text in (
                ("power", "comes with the key `power_off`"),
                ("reset", "comes with the key `reset`"),
                ("flash", "comes with the key `flash`"),
                ("faults", "comes with the key `bridge`"),
                ("freeze", "no rig can"),
                ("stall", "no rig can"),
                ("step", "no rig can"),
            )
        ),
        *(
            (
                f"port = 'x'\nreset = 'relay 3 {operator} log'",
                rf"reset: commands run without a shell; expected `sh -c '...'` around it, "
                rf"got {re.escape(operator)} in",
            )
            for operator in ("|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1", "2>")
        ),
        ("port = 'x'\npower_off = 'x'", "expected a key `power_on` beside power_off, got none"),
    ],
)
def test_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rig.toml").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(TargetError, match=message):
        open_target(f"rig:{tmp_path / 'rig.toml'}")
