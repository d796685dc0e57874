"""Builds a port's image from the C sources, once for each version of them and of the compiler.

``python -m firmware_bridge.testing.image MACHINE OUT --sources DIR`` builds one from sources of
one's own: a copy of `sources()` with changes in it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from firmware_bridge.errors import BridgeConnectionError
from firmware_bridge.testing.ports import FirmwarePort, machines, sources

PACKAGES = {
    "qemu-system-arm": "qemu-system-arm",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
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


def build(
    port: FirmwarePort, root: Path | None = None, *flags: str, memory: str = "memory.ld"
) -> Path:
    """The port's image, from the cache if it was built before.

    Args:
        port: for which machine.
        root: the C sources; None: those of this package.
        flags: more of the compiler's.
        memory: the port's linker script.

    Raises:
        BridgeConnectionError: there is no compiler, or it failed; the text holds what it said.
    """
    root = root or sources()
    folders = [root / "link", root / "firmware" / "core"]
    folders += [root / "firmware" / "port" / part for part in port.parts]
    units = sorted(path for folder in folders for path in folder.glob("*.c"))
    return link(port, units, ["--specs=nano.specs", *flags], root, memory=memory)


def build_loaded(port: FirmwarePort, *flags: str) -> Path:
    """An image for a slot of the port's flash; what is sent is its `flash_content`."""
    return build(port, None, "-DEC_MPS2_IS_LOADED", *flags, memory="memory_loaded.ld")


def flash_content(image: Path) -> bytes:
    """The bytes of an image as they lie in memory."""
    asked = [program("arm-none-eabi-gcc"), "-print-prog-name=objcopy"]
    objcopy = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        subprocess.run([objcopy, "-O", "binary", image, raw], check=True)
        return raw.read_bytes()


def link(
    port: FirmwarePort,
    units: Sequence[Path],
    flags: Sequence[str],
    root: Path | None = None,
    *,
    memory: str = "memory.ld",
) -> Path:
    """An image of these files for the port's machine; as `build`, which see."""
    compiler = program("arm-none-eabi-gcc")
    root = root or sources()
    all_ports = root / "firmware" / "port"
    script = ["-T", str(all_ports / port.name / memory), "-L", str(all_ports / "cortexm")]
    names = f"-fmacro-prefix-map={root}/="  # of files, in log lines: wherever they lie
    arguments = [*_FLAGS, *port.flags, *flags, names, *script]
    image = _cache() / f"{port.machine}-{_key(compiler, arguments, units, root)}.elf"
    try:
        if image.exists():
            return image
        image.parent.mkdir(parents=True, exist_ok=True)
        building = tempfile.TemporaryDirectory(dir=image.parent, prefix="building-")
    except OSError as error:
        raise BridgeConnectionError(
            f"qemu: cannot keep images in {image.parent} (XDG_CACHE_HOME): {error.strerror}"
        ) from error
    with building as folder:
        made = Path(folder) / "image.elf"
        done = subprocess.run(
            [compiler, *arguments, "-I", root, *units, "-o", made],
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


def _key(compiler: str, arguments: Sequence[str], units: Sequence[Path], root: Path) -> str:
    """Of all that makes the image: the compiler, its arguments, every source and header."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(version)
    shared = [path for path in root.rglob("*") if path.suffix in {".h", ".inc", ".ld"}]
    for path in sorted({*shared, *units}):
        name = path.relative_to(root) if path.is_relative_to(root) else path
        digest.update(f"\0{name}\0".encode() + path.read_bytes())
    digest.update("\0".join(arguments).replace(str(root), "").encode())
    return digest.hexdigest()[:16]


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds an image; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m firmware_bridge.testing.image",
        description="The firmware's image for a machine under QEMU.",
    )
    parser.add_argument("machine", choices=sorted(machines()))
    parser.add_argument("out", type=Path, help="the ELF file")
    parser.add_argument(
        "--sources", type=Path, metavar="DIR", help="a changed copy of the package's C sources"
    )
    parser.add_argument(
        "--define", action="append", default=[], metavar="NAME=VALUE", help="for the compiler"
    )
    options = parser.parse_args(arguments)
    try:
        defines = [f"-D{define}" for define in options.define]
        made = build(machines()[options.machine], options.sources, *defines)
        shutil.copyfile(made, options.out)
    except (BridgeConnectionError, OSError) as error:
        print(f"firmware_bridge.testing.image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
