"""Builds a port's image from the C sources, once for each version of them and of the compiler."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from firmware_bridge.errors import BridgeConnectionError
from firmware_bridge.testing.ports import FirmwarePort, sources

PACKAGES = {
    "qemu-system-arm": "qemu-system-arm",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "arm-none-eabi-objcopy": "binutils-arm-none-eabi",
    "setpriv": "util-linux",
}
"""Debian's names for what `qemu:` needs, by program."""

_FLAGS = [
    *("-std=c99", "-Os", "-ffreestanding", "-mthumb", "-Wall", "-Wextra", "-Werror"),
    *("-ffunction-sections", "-fdata-sections", "-nostartfiles"),
    *("-Wl,--gc-sections", "-Wl,--fatal-warnings", "-Wl,--build-id=sha1"),
]


def program(name: str) -> str:
    """The path of a program that `qemu:` needs.

    Raises:
        BridgeConnectionError: it is not installed; the text says what installs it.
    """
    found = shutil.which(name)
    if found is None:
        raise BridgeConnectionError(
            f"qemu: no {name} here; on Debian: apt-get install {PACKAGES[name]}"
        )
    return found


def build(port: FirmwarePort, *flags: str, memory: str = "memory.ld") -> Path:
    """The port's image, from the cache if it was built before.

    Args:
        port: which.
        flags: more of the compiler's.
        memory: the port's linker script.

    Raises:
        BridgeConnectionError: there is no compiler, or it failed; the text holds what it said.
    """
    root = sources()
    folders = [root / "link", root / "firmware" / "core"]
    folders += [root / "firmware" / "port" / part for part in port.parts]
    units = sorted(path for folder in folders for path in folder.glob("*.c"))
    return link(port, units, ["--specs=nano.specs", *flags], memory=memory)


def build_loaded(port: FirmwarePort, *flags: str) -> Path:
    """An image for a slot of the port's flash; what is sent is its `flash_content`."""
    return build(port, "-DEC_MPS2_IS_LOADED", *flags, memory="memory_loaded.ld")


def flash_content(image: Path) -> bytes:
    """The bytes of an image as they lie in memory."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        subprocess.run([program("arm-none-eabi-objcopy"), "-O", "binary", image, raw], check=True)
        return raw.read_bytes()


def link(
    port: FirmwarePort, units: Sequence[Path], flags: Sequence[str], *, memory: str = "memory.ld"
) -> Path:
    """An image of these files for the port's machine; as `build`, which see."""
    compiler = program("arm-none-eabi-gcc")
    all_ports = sources() / "firmware" / "port"
    script = ["-T", str(all_ports / port.name / memory), "-L", str(all_ports / "cortexm")]
    names = f"-fmacro-prefix-map={sources()}/="  # of files, in log lines: wherever they lie
    arguments = [*_FLAGS, *port.flags, *flags, names, *script]
    image = _cache() / f"{port.machine}-{_key(compiler, arguments, units)}.elf"
    if image.exists():
        return image
    image.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=image.parent, prefix="building-") as folder:
        made = Path(folder) / "image.elf"
        done = subprocess.run(
            [compiler, *arguments, "-I", sources(), *units, "-o", made],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            missing = "nano.specs" in done.stderr
            hint = f" (apt-get install {PACKAGES['arm-none-eabi-gcc']})" if missing else ""
            raise BridgeConnectionError(
                f"qemu: the firmware for {port.machine} did not compile{hint}:\n{done.stderr}"
            )
        os.replace(made, image)  # whole or not at all, also beside another build of it
    return image


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "edgecore" / "firmware"


def _key(compiler: str, arguments: Sequence[str], units: Sequence[Path]) -> str:
    """Of all that makes the image: the compiler, its arguments, every source and header."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(version)
    root = sources()
    shared = [path for path in root.rglob("*") if path.suffix in {".h", ".inc", ".ld"}]
    for path in sorted({*shared, *units}):
        name = path.relative_to(root) if path.is_relative_to(root) else path
        digest.update(f"\0{name}\0".encode() + path.read_bytes())
    digest.update("\0".join(arguments).replace(str(root), "").encode())
    return digest.hexdigest()[:16]
