"""`edgecore link update | sign`: an image made for a device, and brought to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecore.cli.command import Argument, Command
from edgecore.cli.float_range import FloatRange
from edgecore.cli.key import connected, key_file_option
from edgecore.errors import ConfigError

if TYPE_CHECKING:
    from firmware_bridge import Link, Transfer

UPDATE_EXAMPLES = """\b
Examples:
  edgecore link update firmware.bin --url "serial:///dev/ttyACM0?baud=921600"
  edgecore link update firmware.bin --url tcp://10.0.0.7:7000 --manifest firmware-7.manifest
  edgecore link update firmware.bin --url tcp://10.0.0.7:7000 --key-file link.key
"""
SIGN_EXAMPLES = """\b
Examples:
  openssl genpkey -algorithm ed25519 -out author.pem
  edgecore link sign firmware.bin --version 7 --key author.pem
"""


manifest_option = click.option(
    "--manifest",
    type=Path,
    metavar="FILE",
    help="Default: FILE with .manifest after its name.",
)


@click.command("update", cls=Command, epilog=UPDATE_EXAMPLES)
@click.argument("file", cls=Argument, type=Path, help="The image.")
@click.option("--url", required=True, metavar="URL", help="Of the device's link.")
@manifest_option
@click.option(
    "--timeout",
    type=FloatRange(1, 3600),
    default=30.0,
    metavar="S",
    help="The longest without progress.",
)
@key_file_option
def update(
    file: Path, url: str, manifest: Path | None, timeout: float, key_file: Path | None
) -> None:
    """Make a device run another firmware; interrupted at any time, it goes on when called again.

    The image is sent, verified by the device, booted on trial, and confirmed once the link is up
    again. Until then the next boot is of the old image.
    """
    import firmware_bridge as fb

    with connected(url, key_file) as link:
        before = fb.update.state(link)
        try:
            installed = _install(link, file, manifest, timeout)
        except (OSError, ValueError) as error:
            if isinstance(error, fb.BridgeError):
                raise
            raise ConfigError(str(error)) from error
    version = installed.manifest.version
    if installed.active:
        print(f"version {version} runs already")
        return
    seconds = installed.elapsed_ns / 1e9
    sent = installed.manifest.length - installed.resumed_from
    print(
        f"version {version} runs and is confirmed; it was {before.version}. "
        f"{sent} bytes in {seconds:.1f} s"
        + (f", from byte {installed.resumed_from} on" if installed.resumed_from else "")
    )


def _install(link: Link, file: Path, manifest: Path | None, timeout: float) -> Transfer:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from firmware_bridge import update as updating

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(file.name, total=None)

        def progress(stored: int, length: int) -> None:
            rest = stored == length
            bar.update(
                task,
                completed=stored,
                total=length,
                description=f"{file.name}: verifying and booting" if rest else file.name,
            )

        return updating.install(link, file, manifest=manifest, progress=progress, timeout=timeout)


@click.command("sign", cls=Command, epilog=SIGN_EXAMPLES)
@click.argument("file", cls=Argument, type=Path, help="The image.")
@click.option(
    "--version",
    type=click.IntRange(0, 2**32 - 1),
    required=True,
    metavar="N",
    help="Grows with every release.",
)
@click.option(
    "--key",
    type=Path,
    required=True,
    metavar="PEM",
    help="Ed25519 private key, without a password.",
)
@manifest_option
def sign(file: Path, version: int, key: Path, manifest: Path | None) -> None:
    """Write the signed manifest of an image: its length, SHA-256 and version."""
    import firmware_bridge as fb

    try:
        made = fb.make_manifest(file.read_bytes(), version=version, sign=fb.signer(key))
        target = manifest or Path(f"{file}.manifest")
        made.save(target)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        raise ConfigError(str(error)) from error
    print(f"{target}: version {version}, {made.length} bytes, SHA-256 {made.digest.hex()}")
