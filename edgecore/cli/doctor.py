"""`edgecore doctor`: what of this device can be used, and why the rest cannot."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import click

OK, NO = "[green]yes[/]", "[yellow]no[/]"


@click.command("doctor")
def doctor() -> None:
    """Say which engines, accelerators, kernels, encoders, cameras and ports this device has."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    for part, usable, text in findings():
        table.add_row(part, OK if usable else NO, escape(text))
    console = Console()
    console.print(f"{platform.platform()}, Python {platform.python_version()}", highlight=False)
    console.print(table)


def findings() -> list[tuple[str, bool, str]]:
    """Rows of part, can it be used, and what or why not."""
    return [
        *engines(),
        *accelerators(),
        *instruction_sets(),
        *encoders(),
        *cameras(),
        *ports(),
    ]


def engines() -> list[tuple[str, bool, str]]:
    """Whether each engine can be imported, and its version."""
    import importlib.metadata

    rows = []
    for name, package, module in (
        ("litert", "ai-edge-litert", "ai_edge_litert.interpreter"),
        ("tflite", "tflite-runtime", "tflite_runtime.interpreter"),
    ):
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            rows.append((f"engine {name}", False, f"not installed: pip install 'edgecore[{name}]'"))
            continue
        try:
            __import__(module)
        except Exception as error:
            rows.append((f"engine {name}", False, f"{package} {version} does not load: {error}"))
        else:
            rows.append((f"engine {name}", True, f"{package} {version}"))
    return rows


def accelerators() -> list[tuple[str, bool, str]]:
    """Whether each accelerator runs the embedded model in a child process; why not, and a remedy.

    An Edge TPU that is there takes none of it, as it is not compiled for one.
    """
    from edgecore.engines import accelerator as known
    from edgecore.engines import choose
    from edgecore.engines.vendors import remedy
    from edgecore.errors import AcceleratorError, EdgecoreError
    from edgecore.model import embedded, verify

    try:
        engine = choose()
    except EdgecoreError:
        return []
    rows = [("accelerator cpu", True, f"XNNPACK, on {engine}")]
    for name in ("edgetpu", "npu", "gpu"):
        try:
            verify(embedded(), engine, accelerator=name, timeout_s=30)
            usable, text = True, f"runs the embedded model, on {engine}"
        except AcceleratorError as error:
            usable = name == "edgetpu" and error.reason == known.MODEL_NOT_TAKEN
            help_ = remedy(known.parse(name), error.reason, error.detail)
            text = f"{error.reason}: {error.detail}" + (f"; {help_}" if help_ else "")
        except EdgecoreError as error:
            usable, text = False, str(error)
        rows.append((f"accelerator {name}", usable, text))
    return rows


def instruction_sets() -> list[tuple[str, bool, str]]:
    """The kernels this machine can run, and the one in use."""
    from edgecore import isa

    return [("kernels", True, f"{', '.join(isa.available())}; in use: {isa.active()}")]


def encoders() -> list[tuple[str, bool, str]]:
    """The first video encoder for annotated recordings that can be had."""
    import av

    from edgecore.agent.recording import ENCODERS

    usable = [name for name, *_ in ENCODERS if name in av.codec.codecs_available]
    if not usable:
        return [("video encoder", False, "none in this PyAV; use annotate = 'pictures'")]
    return [("video encoder", True, f"{usable[0]}, PyAV {av.__version__}")]


def cameras() -> list[tuple[str, bool, str]]:
    """Every /dev/video*, opened once."""
    from edgecore import sources
    from edgecore.errors import SourceError

    found = sorted(Path("/dev").glob("video*"))
    if not found:
        return [("cameras", False, "none: there is no /dev/video*")]
    rows = []
    for device in found:
        if not os.access(device, os.R_OK | os.W_OK):
            rows.append((f"camera {device}", False, "permission denied: join the group `video`"))
            continue
        try:
            with sources.open(str(device)) as source:
                rows.append((f"camera {device}", True, source.description))
        except SourceError as error:
            rows.append((f"camera {device}", False, str(error)))
    return rows


def ports() -> list[tuple[str, bool, str]]:
    """Every serial port, with what it says of itself."""
    from serial.tools import list_ports

    found = sorted(list_ports.comports())
    if not found:
        return [("serial ports", False, "none found")]
    rows = []
    for port in found:
        usable = os.access(port.device, os.R_OK | os.W_OK)
        text = port.description if port.description != "n/a" else "serial port"
        rows.append(
            (
                f"port {port.device}",
                usable,
                text if usable else f"{text}; permission denied: join the group `dialout`",
            )
        )
    return rows
