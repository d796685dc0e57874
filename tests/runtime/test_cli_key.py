"""Keys on the command line: given by a file's name only, used by every command, told to nobody."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.link.author import Author
from tests.link.test_auth_process import KEY, key_file
from tests.runtime.test_cli import command, complaints, diary, edgecore, environment, summary_in

pytestmark = pytest.mark.once

QUICK = ("--source", "synthetic:?realtime=0", "--duration", 1, "--annotate", "none", "--out", "out")


def told(folder: Path) -> bytes:
    """All that a command left, but the key's own file."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "link.key"]
    return b"".join(path.read_bytes() for path in files)


def knows_no_key(text: str | bytes) -> bool:
    data = text.encode() if isinstance(text, str) else text
    return KEY not in data and KEY.hex().encode() not in data.lower()


@pytest.fixture
def device(tmp_path: Path) -> str:
    return f"sim:?key_file={key_file(tmp_path)}"


def test_agent_proves_the_key_of_its_configuration(tmp_path: Path, device: str) -> None:
    (tmp_path / "agent.toml").write_text(f'link = "{device}"\nkey_file = "link.key"\n')
    done = edgecore(tmp_path, "run", "--config", "agent.toml", *QUICK)
    assert done.returncode == 0, done.stderr
    events = [event["event"] for event in diary(tmp_path / "out")]
    assert "firmware_active" in events  # a keyed device believes no lease without it
    assert summary_in(tmp_path / "out")["link_losses"] == 0
    assert knows_no_key(told(tmp_path) + done.stdout.encode() + done.stderr.encode())


def test_agent_without_the_key_only_listens(tmp_path: Path, device: str) -> None:
    done = edgecore(tmp_path, "run", "--link", device, *QUICK)
    assert done.returncode == 0, done.stderr
    assert "firmware_active" not in [event["event"] for event in diary(tmp_path / "out")]


def test_monitor_says_whether_the_link_is_authenticated(tmp_path: Path, device: str) -> None:
    watch = ("link", "monitor", device, "--duration", 1)
    assert "; authenticated; " in edgecore(tmp_path, *watch, "--key-file", "link.key").stdout
    assert "; listening only: the device has a key; " in edgecore(tmp_path, *watch).stdout
    done = subprocess.run(
        command(*watch),
        cwd=tmp_path,
        env={**environment(), "EDGECORE_KEY_FILE": "link.key"},
        capture_output=True,
        text=True,
    )
    assert "; authenticated; " in done.stdout


def test_dissector_asks_a_device_with_its_key(tmp_path: Path, device: str) -> None:
    done = edgecore(tmp_path, "link", "dissector", device, "--key-file", "link.key")
    assert done.returncode == 0, done.stderr
    assert knows_no_key(done.stdout)


def test_update_takes_the_key_and_is_refused_without(tmp_path: Path) -> None:
    author = Author(tmp_path)
    key, image = key_file(tmp_path), author.image(3, b"firmware" * 100)
    update = ("link", "update", image, "--url", author.url)
    with author.device("--listen", author.address, "--key-file", str(key)):
        done = edgecore(tmp_path, *update)
        assert done.returncode == 1
        (line,) = complaints(done)
        assert "only from a host that proves its key" in line
        done = edgecore(tmp_path, *update, "--key-file", key)
        assert done.returncode == 0, done.stderr
        assert "version 3 runs and is confirmed" in done.stdout


def test_recording_of_a_keyed_link_holds_no_key_and_is_verified_by_it(
    tmp_path: Path, device: str
) -> None:
    given = ("--key-file", "link.key")
    done = edgecore(tmp_path, "link", "record", device, "a.pcapng", "--duration", 4, *given)
    assert done.returncode == 0, done.stderr
    assert knows_no_key(told(tmp_path) + done.stdout.encode() + done.stderr.encode())

    for key, verdict in ((given, True), ((), None)):
        done = edgecore(tmp_path, "link", "decode", "a.pcapng", "--json", *key)
        documents = [json.loads(line) for line in done.stdout.splitlines()]
        assert {one["error"] for one in documents} == {None}
        sealed = [one["seal"] for one in documents if one["kind"] != "HELLO"]
        assert {seal["verified"] for seal in sealed} == {verdict}
        imu = next(one for one in documents if one["message"] == "imu")
        assert 9 < imu["records"][0]["accel_z"] < 11
        assert knows_no_key(done.stdout)
    done = edgecore(tmp_path, "link", "decode", "a.pcapng", *given)
    assert f"sealed #1 {sealed[0]['tag']}, verified" in done.stdout
    done = edgecore(tmp_path, "link", "dissector", "a.pcapng")
    assert knows_no_key(done.stdout)


def test_replay_with_a_key_speaks_to_hosts_that_have_it_only(tmp_path: Path, device: str) -> None:
    given = ("--key-file", "link.key")
    edgecore(tmp_path, "link", "record", device, "a.pcapng", "--duration", 2, *given)
    replay = ("link", "replay", "a.pcapng", *given, "--listen", f"unix:{tmp_path}/replay.sock")
    with subprocess.Popen(
        command(*replay), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        done = edgecore(tmp_path, "link", "monitor", url, "--duration", 1)
        assert "the device requires a key, and none was given" in complaints(done)[0]
        done = edgecore(tmp_path, "link", "monitor", url, "--duration", 2, *given)
        assert "; authenticated; " in done.stdout
        assert any(line.startswith("imu ") for line in done.stdout.splitlines())
        process.terminate()


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--link", "sim:", *QUICK),
        ("link", "monitor", "sim:"),
        ("link", "record", "sim:", "a.pcapng"),
        ("link", "dissector", "sim:"),
        ("link", "update", "image", "--url", "sim:"),
    ],
    ids=lambda arguments: " ".join(map(str, arguments[:2])),
)
def test_key_files_that_cannot_be_used_are_one_clear_line(
    tmp_path: Path, arguments: tuple[object, ...]
) -> None:
    (tmp_path / "short.key").write_bytes(KEY[:31])
    os.chmod(tmp_path / "short.key", 0o600)
    key_file(tmp_path, name="open.key", mode=0o644)
    key_file(tmp_path, name="other.key")
    for name, reason in (
        ("absent.key", "absent.key: No such file or directory"),
        ("open.key", "open.key: expected mode 0600, got 0644: others may read or change the key"),
        ("short.key", "expected 32 bytes or 64 hexadecimal digits, got 31 bytes"),
        ("other.key", "does not prove the key: it has another one, or none"),
    ):
        done = edgecore(tmp_path, *arguments, "--key-file", name)
        assert done.returncode == 1
        (line,) = complaints(done)
        assert reason in line
        assert "Traceback" not in done.stderr
        assert knows_no_key(done.stdout + done.stderr)


def test_key_itself_is_no_argument(tmp_path: Path) -> None:
    assert edgecore(tmp_path, "link", "monitor", "sim:", "--key", KEY.hex()).returncode == 2
    done = edgecore(tmp_path, "link", "monitor", "sim:", "--key-file", KEY.hex())
    assert complaints(done) == [
        "edgecore: expected the name of the key's file, got a key in its place"
    ]
    (tmp_path / "agent.toml").write_text("key_file = 7\n")
    done = edgecore(tmp_path, "run", "--config", "agent.toml")
    assert complaints(done) == ["edgecore: agent.toml: key_file: expected a text, got 7"]
