"""Commands that say in their help what each argument is, and groups that import them when named."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

_SENTENCE_MAX = 200
"""Characters of a command's first sentence, which its group's help shows."""


class Argument(click.Argument):
    """An argument with a help text; click's own has one from 8.5 on, and devices have 8.1."""

    def __init__(self, *args: Any, help: str, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.described = help


class Command(click.Command):
    """A command whose help has its arguments above its options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write both sections."""
        rows = [
            (" ".join(one.get_usage_pieces(ctx)), one.described)
            for one in self.get_params(ctx)
            if isinstance(one, Argument)
        ]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)


class Group(click.Group):
    """Commands by name, each in a module that is imported when the command is wanted.

    Args:
        places: of each command, in the order of the help: `module:attribute`.
    """

    def __init__(self, *args: Any, places: Mapping[str, str], **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None where there is none."""
        place = self._places.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; an error has the name that is likest to it."""
        if args[0] not in self._places:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self._places, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the group's options; no words at all get the help, on stdout with any click."""
        if not args:
            click.echo(ctx.get_help())
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each with its first sentence, folded where click would cut it."""
        rows = []
        for name in self._places:
            command = self.get_command(ctx, name)
            assert command is not None
            rows.append((name, command.get_short_help_str(_SENTENCE_MAX)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)
