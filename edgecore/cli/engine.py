"""The options --engine and --num-threads of the commands that run a model by themselves."""

from __future__ import annotations

import click

from edgecore.errors import ConfigError

_ENGINES = ("auto", "litert", "tflite")


def _known(given: str) -> str:
    if given not in _ENGINES:
        raise ConfigError(f"--engine: expected auto, litert or tflite, got {given!r}")
    return given


engine_option = click.option(
    "--engine", type=_known, default="auto", metavar="NAME", help="auto, litert or tflite."
)

num_threads_option = click.option(
    "--num-threads",
    type=click.IntRange(1, 64),
    default=1,
    metavar="N",
    help="Of the engine.",
)
