"""Secrets and paths of options: taken from the folder of their file, and looked up before anything opens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, has

from atlas_core.errors import AtlasError
from atlas_core.model.timeframe import Timeframe
from atlas_core.options import Address, Problem, Secret
from atlas_core.options.problems import KeyPath
from atlas_core.options.secret import read_secret
from atlas_core.options.typenames import is_list, is_table, item_type, option_fields, optional_inner
from atlas_core.profile.model import Selection

FolderOf = Callable[[KeyPath], Path | None]


def is_option_class(value: Any) -> bool:
    """Tell whether a value is an object of an option class, with options of its own inside."""
    return has(type(value)) and not isinstance(value, Timeframe)


def anchored(value: Any, folder_of: FolderOf, path: KeyPath = ()) -> Any:
    """Return `value` with the relative paths inside it taken from the folder of the file that says them."""
    if is_option_class(value):
        return _anchored_class(value, folder_of, path)
    if isinstance(value, tuple):
        return tuple(anchored(item, folder_of, (*path, index)) for index, item in enumerate(value))
    if isinstance(value, dict):
        return {key: anchored(item, folder_of, (*path, key)) for key, item in value.items()}
    folder = folder_of(path)
    if folder is None:
        return value
    if isinstance(value, Path):
        return folder / value.expanduser()
    return value.anchored(folder) if isinstance(value, Secret) else value


def _anchored_class(value: Any, folder_of: FolderOf, path: KeyPath) -> Any:
    changes = {}
    for field in option_fields(type(value)):
        old = getattr(value, field.name)
        new = anchored(old, folder_of, (*path, field.name))
        if new != old:
            changes[field.name] = new
    return evolve(value, **changes) if changes else value


def references(type_: Any, value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Secret]]:
    """Yield the well-formed secret references in a table that is to become `type_`; the rest is not looked at."""
    type_ = optional_inner(type_) or type_
    if type_ is Secret:
        try:
            yield path, read_secret(value)
        except ValueError:
            return
    elif isinstance(type_, type) and has(type_) and isinstance(value, Mapping):
        for field in option_fields(type_):
            yield from references(field.type, value.get(field.name), (*path, field.name))
    elif is_list(type_) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from references(item_type(type_), item, (*path, index))
    elif is_table(type_) and isinstance(value, Mapping):
        for key, item in value.items():
            yield from references(item_type(type_), item, (*path, key))


def _why_not(secret: Secret) -> str:
    try:
        secret.reveal()
    except AtlasError as error:
        return str(error)
    return ""


def missing_secrets(cls: type[Any], table: Mapping[str, Any], where: Address, folder_of: FolderOf) -> list[Problem]:
    """Return a problem for each secret of a component's table that is not where it is said to be."""
    problems = []
    for path, secret in references(cls, table):
        reason = _why_not(secret.anchored(folder_of(path) or Path()))
        if reason:
            problems.append(where.problem(path, reason))
    return problems


def _secrets_in(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Secret]]:
    if isinstance(value, Secret):
        yield path, value
    elif is_option_class(value):
        for field in option_fields(type(value)):
            yield from _secrets_in(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _secrets_in(item, (*path, index))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secrets_in(item, (*path, key))


def secret_problems(selection: Selection) -> list[Problem]:
    """Return a problem for each secret of a chosen component that cannot be read now; for use before it opens."""
    where = Address(table=selection.table, file=selection.file, line=selection.line or None)
    found = ((path, _why_not(secret)) for path, secret in _secrets_in(selection.options))
    return [where.problem(path, reason) for path, reason in found if reason]
