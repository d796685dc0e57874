"""`edgecore link` as a user starts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.link.author import Author
from tests.runtime.test_cli import complaints, edgecore

pytestmark = pytest.mark.once


@pytest.fixture
def author(tmp_path: Path) -> Author:
    return Author(tmp_path)


@pytest.mark.parametrize("name", ["update", "sign"])
def test_help_shows_examples(tmp_path: Path, name: str) -> None:
    done = edgecore(tmp_path, "link", name, "--help")
    assert done.returncode == 0
    assert f"edgecore link {name}" in done.stdout.partition("Examples")[2]


def test_signed_image_is_installed_once(author: Author) -> None:
    (author.folder / "image").write_bytes(b"firmware" * 1000)
    signed = edgecore(author.folder, "link", "sign", "image", "--version", 7, "--key", "author.pem")
    assert signed.returncode == 0, signed.stderr
    assert "version 7, 8000 bytes" in signed.stdout
    with author.device():
        for said in ("version 7 runs and is confirmed", "version 7 runs already"):
            done = edgecore(author.folder, "link", "update", "image", "--url", author.url)
            assert done.returncode == 0, done.stderr
            assert said in done.stdout
            assert done.stderr == ""


def test_mistakes_are_one_clear_line(author: Author) -> None:
    (author.folder / "image").write_bytes(b"firmware")
    (author.folder / "other.manifest").write_text("{}")
    sign = ("link", "sign", "image", "--version", 1, "--key")
    update = ("link", "update", "image", "--url")
    with author.device():
        for arguments, reason in (
            ((*sign, "nowhere.pem"), "No such file"),
            ((*sign, "author.pub"), "author.pub"),
            ((*sign, "image"), "image"),
            ((*update, author.url), "image.manifest"),
            ((*update, author.url, "--manifest", "other.manifest"), "it lacks 'name'"),
            ((*update, "sim:"), "cannot be updated"),
            ((*update, f"unix://{author.folder}/nobody"), "nobody"),
        ):
            done = edgecore(author.folder, *arguments)
            assert done.returncode == 1
            (line,) = complaints(done)
            assert reason in line
            assert done.stderr.count("\n") == 1, done.stderr
