"""Completion of commands, options, profiles and plugins in bash, zsh and fish."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

_INSTALL = {
    "bash": 'eval "$(atlas completion bash)"    in ~/.bashrc',
    "zsh": 'eval "$(atlas completion zsh)"    in ~/.zshrc',
    "fish": "atlas completion fish | source    in ~/.config/fish/config.fish",
}


@click.command(epilog="Install it with one of these lines: " + " · ".join(_INSTALL.values()))
@click.argument("shell", type=click.Choice(list(_INSTALL)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes `atlas` in a shell."""
    generator = get_completion_class(shell)
    if generator is None:  # pragma: no cover  (click knows the three shells of the choice)
        raise click.UsageError(f"this version of click has no completion for {shell}")
    script = generator(ctx.find_root().command, {}, "atlas", "_ATLAS_COMPLETE")
    # `source()` of the bash generator starts bash to look at its version; printing a script needs no process.
    click.echo(script.source_template % script.source_vars())


def complete_profile(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a profile: the shipped names, and TOML files and directories on the way to them."""
    del ctx, param
    from atlas_core.profile.find import available_profiles

    shipped = [CompletionItem(name) for name in available_profiles() if name.startswith(incomplete)]
    return [*shipped, CompletionItem(incomplete, type="file")]


def complete_plugin(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a plugin or of a component."""
    del ctx, param
    from atlas_core.plugins import discover

    registry = discover()
    names = {record.name: record.origin for record in registry.records}
    for component in registry.components():
        names.setdefault(component.name, component.summary)
    return [CompletionItem(name, help=names[name]) for name in sorted(names) if name.startswith(incomplete)]
