"""Numbers of options that have bounds."""

from __future__ import annotations

import math
from typing import Any

import click


class FloatRange(click.FloatRange):
    """click's, but for nan: it is in no range, though neither below nor above one."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number of a text."""
        given = super().convert(value, param, ctx)
        if math.isnan(given):
            self.fail(f"expected a number, got {value}", param, ctx)
        return given
