"""`atlas config`: check, show and explain a profile, and print the schema of profiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve

from atlas_core.cli.completion import complete_profile
from atlas_core.errors import ProfileError

if TYPE_CHECKING:
    from atlas_core.options import Problem
    from atlas_core.profile import Profile
    from atlas_core.profile.model import Origin
    from atlas_core.profile.render import Explained

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON for machines.")
settings = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Put a value over the profile, for example limits.max_positions=3.",
)
profile_name = click.argument("profile", shell_complete=complete_profile)


@click.group()
def config() -> None:
    """Check, show and explain profiles."""


def read_settings(settings: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return `KEY=VALUE` texts of the command line as pairs; raises click.UsageError for any other text."""
    pairs = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise click.UsageError(f"expected --set KEY=VALUE, was {setting!r}")
        pairs.append((key.strip(), value.strip()))
    return tuple(pairs)


@config.command(short_help="Report every problem of PROFILE at once.")
@profile_name
@settings
@as_json
def check(profile: str, settings: tuple[str, ...], json_: bool) -> None:
    """Report every problem of PROFILE (a path, or the name of one that comes with Atlas); exit code 3 if any."""
    loaded, problems = _checked(profile, settings)
    if json_:
        _print_check_as_json(loaded, problems)
    elif problems:
        for problem in problems:
            click.echo(str(problem))
        click.echo(f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'}", err=True)
    elif loaded is not None:
        tables, values = _extent(loaded)
        click.echo(f"ok: {tables} tables, {values} values")
    if problems:
        click.get_current_context().exit(ProfileError.exit_code)


def _checked(name: str, settings: Sequence[str]) -> tuple[Profile | None, Sequence[Problem]]:
    from atlas_core.profile import open_profile

    try:
        loaded, _ = open_profile(name, overrides=read_settings(settings), resolve_secrets=True)
    except ProfileError as error:
        return None, error.problems
    from atlas_core.compose import check_system  # composing loads numpy, which a faulty profile can do without

    return loaded, check_system(loaded, loaded.mode)


def _extent(profile: Profile) -> tuple[int, int]:
    """Count the tables and the values that the files and the command line say; defaults are not counted."""
    said = [key for key, origin in profile.origins.items() if origin.source != "default"]
    return len({key.rpartition(".")[0] for key in said}), len(said)


def _print_check_as_json(profile: Profile | None, problems: Sequence[Problem]) -> None:
    from attrs import asdict

    from atlas_core.cli.tables import print_json

    answer: dict[str, Any] = {
        "ok": not problems,
        "problems": [{**asdict(problem), "text": str(problem)} for problem in problems],
    }
    if profile is not None:
        answer["tables"], answer["values"] = _extent(profile)
        answer["digest"] = profile.digest
    print_json(answer)


@config.command(short_help="Print every value of PROFILE with its origin.")
@profile_name
@settings
@as_json
def show(profile: str, settings: tuple[str, ...], json_: bool) -> None:
    """Print every value of PROFILE as resolved, with its origin; secrets as ***."""
    from atlas_core.cli.tables import Column, print_json, print_table, say
    from atlas_core.profile import open_profile
    from atlas_core.profile.render import resolved_values

    loaded, _ = open_profile(profile, overrides=read_settings(settings))
    values = resolved_values(loaded)
    if json_:
        print_json(
            {
                "profile": loaded.name,
                "mode": loaded.mode,
                "digest": loaded.digest,
                "values": [
                    {"key": v.key, "value": v.data, "origin": v.origin.source, "line": v.origin.line} for v in values
                ],
            }
        )
        return
    short = _short_names(value.origin for value in values)
    rows = [[value.key, value.text, _short_origin(value.origin, short)] for value in values]
    title = f"profile {loaded.name} · {loaded.mode.word.upper()}"
    print_table(title, [Column("key"), Column("value"), Column("origin")], rows)
    for path, name in short.items():
        if name != path:
            say(f"{name} is {path}")


def _short_names(origins: Iterable[Origin]) -> dict[str, str]:
    """Return each file that values come from with its bare name, or as it is where two files share one."""
    files = list(dict.fromkeys(origin.source for origin in origins if origin.line is not None))
    names = Counter(Path(file).name for file in files)
    return {file: Path(file).name if names[Path(file).name] == 1 else file for file in files}


def _short_origin(origin: Origin, short: Mapping[str, str]) -> str:
    return str(evolve(origin, source=short.get(origin.source, origin.source)))


@config.command(short_help="Explain one value of PROFILE.")
@profile_name
@click.argument("key")
@settings
@as_json
def explain(profile: str, key: str, settings: tuple[str, ...], json_: bool) -> None:
    """Explain one value of PROFILE, for example limits.max_positions: what it means, its origin, who reads it."""
    from atlas_core.cli.tables import print_json
    from atlas_core.profile import open_profile
    from atlas_core.profile.render import explain_value

    loaded, _ = open_profile(profile, overrides=read_settings(settings))
    explained = explain_value(loaded, key)
    lines = _explained(explained)
    if json_:
        print_json({name.replace(" ", "_"): text for name, text in lines} | {"value": explained.value.data})
        return
    for name, text in lines:
        click.echo(f"{name:<11} {text}")


def _explained(explained: Explained) -> list[tuple[str, str]]:
    value, info = explained.value, explained.info
    return [
        ("key", value.key),
        ("help", info.help or "-"),
        ("type", f"{info.type} ({info.unit})" if info.unit else info.type),
        ("constraint", info.constraint or "-"),
        ("default", info.default),
        ("value", value.text),
        ("origin", str(value.origin)),
        ("read by", explained.read_by),
    ]


@config.command(short_help="Print the JSON schema of profiles, for editors.")
@as_json
def schema(json_: bool) -> None:
    """Print the JSON schema of profiles, with the options of every installed component; it is JSON either way."""
    del json_
    from atlas_core.cli.tables import print_json
    from atlas_core.plugins import discover
    from atlas_core.profile.schema import profile_schema

    print_json(profile_schema(discover()))
