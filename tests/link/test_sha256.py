"""SHA-256 against its published vectors and against hashlib, under sanitizers."""

import hashlib
import random
import subprocess
from pathlib import Path

import pytest

from tests.link.compiling import program as compiled

pytestmark = pytest.mark.once

# FIPS 180-4's examples, as NIST publishes them (SHA256.pdf and SHA2_Additional.pdf).
VECTORS = [
    (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
    (
        b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopq"
        b"klmnopqrlmnopqrsmnopqrstnopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    ),
    (b"\xbd", "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"),
    (b"\0" * 55, "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"),
    (b"\0" * 56, "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb"),
    (b"\0" * 57, "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785"),
    (b"\0" * 64, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"),
    (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
]


@pytest.fixture(scope="module")
def digest(tmp_path_factory):
    program = tmp_path_factory.mktemp("digest") / "digest"
    compiled(program, Path(__file__).parent / "digest.c")

    def run(data, step):
        done = subprocess.run([program, str(step)], input=data, capture_output=True, check=True)
        return done.stdout.decode()

    return run


@pytest.mark.parametrize(("data", "expected"), VECTORS, ids=lambda value: f"{len(value)}")
@pytest.mark.parametrize("step", [1, 63, 64, 65, 4096])
def test_published_vectors(digest, data, expected, step):
    if len(data) < 10_000 or step > 1:
        assert digest(data, step) == expected


def test_random_lengths_and_steps_agree_with_hashlib(digest):
    generator = random.Random(7)
    for _ in range(60):
        data = generator.randbytes(generator.randint(0, 700))
        assert digest(data, generator.randint(1, 200)) == hashlib.sha256(data).hexdigest()
