"""Commands that treat a wrong call as its caller's fault: exit code 1, every missing value told at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from app.imports.console import USER_FAULT

ROOT: Final = "fujin"
STOPPED: Final = 130


class WrongCall(click.UsageError):
    """A wrong call, shown with its usage."""

    exit_code = USER_FAULT


class PlainFile(click.Path):
    """A file that is there and can be read more than once: no pipe, no device, no standard input."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click does; a pipe would be waited for without end."""
        found = None if value == "-" else Path(os.fsdecode(super().convert(value, param, ctx)))
        if found is None or not found.is_file():
            self.fail(f"{str(value)!r} is no plain file; write what comes from it to a file first", param, ctx)
        return found


class FujinContext(click.Context):
    """A context whose usage line begins with the command's own group, however the process was started."""

    @property
    def command_path(self) -> str:
        """``fujin import``, also below ``python -m flask``."""
        words: list[str] = []
        here: click.Context | None = self
        while here is not None and here.command.name != ROOT:
            words.insert(0, here.info_name or "")
            here = here.parent
        return " ".join([ROOT, *words])


class FujinCommand(click.Command):
    """A command that ends with 1 when it was called wrongly."""

    context_class = FujinContext

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, but tells all missing values together."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            missing = ", ".join(self._missing(ctx, given))
            raise WrongCall(f"Missing {missing}." if missing else error.format_message(), ctx) from None
        except click.UsageError as error:
            raise WrongCall(error.format_message(), error.ctx or ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """As click does; an argument that the command itself refuses is the caller's fault too, Ctrl-C nobody's."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise WrongCall(error.format_message(), error.ctx or ctx) from None
        except KeyboardInterrupt:
            click.echo("error: stopped; what it had begun was taken back", err=True)
            sys.exit(STOPPED)

    def _missing(self, ctx: click.Context, args: list[str]) -> list[str]:
        given, _, _ = self.make_parser(ctx).parse_args(args)
        return [
            param.opts[0] if isinstance(param, click.Option) else param.make_metavar(ctx)
            for param in self.get_params(ctx)
            if param.required and param.value_is_missing(param.consume_value(ctx, given)[0])
        ]


class FujinGroup(click.Group):
    """A group of such commands; an unknown one is the caller's fault."""

    context_class = FujinContext
    command_class = FujinCommand

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise WrongCall(error.format_message(), error.ctx or ctx) from None
