"""The option --accelerator of the commands that run a model, on one or on several in turn."""

from __future__ import annotations

import click


def _known(given: str) -> str:
    from edgecore.engines.accelerator import parse

    try:
        parse(given)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return given


accelerator_option = click.option(
    "--accelerator",
    type=_known,
    default="cpu",
    metavar="NAME",
    help="Of the model: cpu, edgetpu, npu, gpu, external:/path.so?key=value.",
)

accelerators_option = click.option(
    "--accelerator",
    "accelerators",
    type=_known,
    default=["cpu"],
    multiple=True,
    metavar="NAME",
    help="Of the model, may be repeated: cpu, edgetpu, npu, gpu, external:/path.so?key=value.",
)
