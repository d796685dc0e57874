"""HMAC-SHA256 and HKDF against published vectors and the standard library, under sanitizers."""

import hmac
import random
import subprocess
from pathlib import Path

import pytest

from tests.link.compiling import ROOT, link_objects, tool
from tests.link.compiling import program as compiled
from tests.reference.link_auth import hkdf

pytestmark = pytest.mark.once

# RFC 4231, sections 4.2 to 4.8: key, data, code (4.6's is cut to 128 bits).
HMAC_VECTORS = [
    (
        "0b" * 20,
        b"Hi There".hex(),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        b"Jefe".hex(),
        b"what do ya want for nothing?".hex(),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    ("aa" * 20, "dd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        "0102030405060708090a0b0c0d0e0f10111213141516171819",
        "cd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    ("0c" * 20, b"Test With Truncation".hex(), "a3b6167473100ee06e0c796c2955552b"),
    (
        "aa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First".hex(),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        "aa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data."
        b" The key needs to be hashed before being used by the HMAC algorithm.".hex(),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]

# RFC 5869, appendices A.1 to A.3: secret, salt, info, keys.
HKDF_VECTORS = [
    (
        "0b" * 22,
        bytes(range(13)).hex(),
        bytes(range(0xF0, 0xFA)).hex(),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)).hex(),
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
        "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
        "cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "0b" * 22,
        "-",
        "-",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    program = tmp_path_factory.mktemp("hmac") / "authenticating"
    compiled(program, Path(__file__).parent / "authenticating.c")

    def run(*arguments):
        words = [word.hex() or "-" if isinstance(word, bytes) else str(word) for word in arguments]
        return subprocess.run([program, *words], capture_output=True, check=True, text=True).stdout

    return run


@pytest.mark.parametrize(("key", "data", "code"), HMAC_VECTORS)
@pytest.mark.parametrize("step", [1, 64, 200])
def test_published_codes(run, key, data, code, step):
    assert run("hmac", key, data, step)[: len(code)] == code


@pytest.mark.parametrize(("secret", "salt", "info", "keys"), HKDF_VECTORS)
def test_published_keys(run, secret, salt, info, keys):
    assert run("hkdf", secret, salt, info, len(keys) // 2) == keys


def test_random_codes_and_keys_agree_with_the_standard_library(run):
    generator = random.Random(9)
    for _ in range(40):
        key, data = (generator.randbytes(generator.randint(0, 150)) for _ in range(2))
        step = generator.randint(1, 90)
        assert run("hmac", key, data, step) == hmac.digest(key, data, "sha256").hex()
        length = generator.randint(1, 200)
        assert run("hkdf", key, data, b"i", length) == hkdf(key, data, b"i", length).hex()


def test_keys_end_at_the_standards_limit(run):
    assert run("hkdf", b"s", b"", b"", 255 * 32) == hkdf(b"s", b"", b"", 255 * 32).hex()
    assert run("hkdf", b"s", b"", b"", 255 * 32 + 1) == "too long"


def test_texts_that_differ_anywhere_are_not_equal(run):
    text = bytes(range(16))
    assert run("equal", text, text) == "1"
    for at in range(16):
        for bit in (1, 0x80):
            other = bytearray(text)
            other[at] ^= bit
            assert run("equal", text, bytes(other)) == "0"


@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_no_secret_is_left_on_the_stack_or_in_a_session_that_ended(tmp_path, level):
    program = tmp_path / "wiping"
    flags = ["-std=c99", "-D_GNU_SOURCE", level, "-Wall", "-Wextra", "-Werror"]
    flags.append("-Wl,-z,now")  # the dynamic linker saves registers when it binds a function late
    source = Path(__file__).parent / "wiping.c"
    linked = [*flags, "-I", ROOT / "csrc", source, *link_objects(flags)]
    subprocess.run([tool("cc"), *linked, "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, check=True, text=True)
    assert done.stdout == ""
