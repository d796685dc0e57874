"""The option --accelerator of the commands that run a model, on one or on several in turn."""

from __future__ import annotations

from typing import Annotated

import typer


def _known(given: str) -> str:
    from edgecore.engines.accelerator import parse

    try:
        parse(given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return given


AcceleratorOption = Annotated[
    str,
    typer.Option(
        callback=_known,
        metavar="NAME",
        help="Of the model: cpu, edgetpu, npu, gpu, external:/path.so?key=value.",
    ),
]

AcceleratorsOption = Annotated[
    list[str],
    typer.Option(
        "--accelerator",
        parser=_known,
        metavar="NAME",
        help="Of the model, may be repeated: cpu, edgetpu, npu, gpu, external:/path.so?key=value.",
    ),
]
