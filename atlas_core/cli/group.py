"""The root of the command line: commands are imported when they are called, plugins when no command fits."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from atlas_core.cli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_META_KEY = "atlas_core.cli.plugin_commands"


@frozen
class LazyCommand:
    """Where a command lives (`module:attribute`), and its help in the list of commands."""

    target: str
    short_help: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


class LazyGroup(click.Group):
    """A group that shows its own commands without importing them, and those of plugins beside them.

    An unambiguous beginning of a name stands for the command.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, LazyCommand], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.lazy = dict(lazy)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the shipped commands in the order of the table, then those of plugins."""
        return [*self.lazy, *sorted(self._plugin_commands(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its full name."""
        if cmd_name in self.lazy:
            return self.lazy[cmd_name].load()
        return self._plugin_commands(ctx).get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names or begins."""
        command = self.get_command(ctx, args[0])
        if command is not None:
            return args[0], command, args[1:]
        names = self.list_commands(ctx)
        begun = [name for name in names if name.startswith(args[0])]
        if len(begun) == 1:
            return begun[0], self.get_command(ctx, begun[0]), args[1:]
        if ctx.resilient_parsing:
            return None, None, args[1:]
        raise click.UsageError(_unknown(args[0], names, begun), ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands; the shipped ones from the table, unimported."""
        plugins = self._plugin_commands(ctx)
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.short_help) for name, command in self.lazy.items()])
        if plugins:
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, plugins[name].get_short_help_str(100)) for name in sorted(plugins)])

    def _plugin_commands(self, ctx: click.Context) -> Mapping[str, click.Command]:
        """Return the commands of plugins, discovered once in the life of the context."""
        found = ctx.meta.get(_META_KEY)
        if found is None:
            from atlas_core.plugins import discover

            # Commands are looked up before the options of the group are applied, and plugins may fail already.
            ctx.ensure_object(Settings).apply()
            group = click.Group()
            discover().add_commands(group, reserved=self.lazy)
            found = ctx.meta[_META_KEY] = group.commands
        commands: Mapping[str, click.Command] = found
        return commands


def _unknown(name: str, names: list[str], begun: list[str]) -> str:
    if begun:
        return f"{name!r} begins {', '.join(begun)}; write the one that is meant"
    close = get_close_matches(name, names, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return f"no command {name!r}{meant}"
