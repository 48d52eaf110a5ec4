"""Profile files as plain data: read with caps, merged with what they extend and with the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli
from attrs import define, field, frozen

from atlas_core.errors import ProfileError
from atlas_core.options.problems import Address, KeyPath
from atlas_core.problem import Problem
from atlas_core.profile.address import scan_lines

LARGEST_FILE = 256 * 1024
DEEPEST_TABLE = 12
COMMAND_LINE = "command line"
Texts = Mapping[Path, str]
_AT_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
ONE_COMPONENT = frozenset({"provider", "sizer", "broker", "paper"})


@frozen
class Place:
    """Where a value comes from; `folder` is what its relative paths start from."""

    file: str
    line: int | None = None
    folder: Path = field(factory=Path)


@define
class Document:
    """The merged data of a profile, and the place of every path in it."""

    data: dict[str, Any]
    places: dict[KeyPath, Place]
    inline: set[KeyPath]

    def place(self, path: KeyPath) -> Place | None:
        """Return where a path stands, or None for what is not in the files."""
        return self.places.get(path)

    def copy(self) -> Document:
        """Return a document that can be changed without this one."""
        return Document(_copied(self.data), dict(self.places), set(self.inline))

    def address(self, path: KeyPath, table: str, file: str) -> Address:
        """Return the address of the table at `path`, shown as `table`; `file` stands in where it has no place."""

        def find(inside: KeyPath) -> tuple[str, int | None] | None:
            place = self.places.get((*path, *inside))
            return None if place is None else (place.file, place.line)

        here = self.places.get(path) or Place(file)
        return Address(table=table, file=here.file, line=here.line, find=find)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def read_number(text: str) -> Decimal:
    """Return a TOML number with a point exactly as it is written."""
    try:
        return Decimal(text)
    except InvalidOperation:
        # An exponent beyond what Decimal holds; what reads the value refuses it with its address.
        return Decimal("-inf" if text.startswith("-") else "inf")


def _failed(name: str, message: str, line: int | None = None) -> ProfileError:
    return ProfileError([Problem(message=message, file=name, line=line)])


def _text(path: Path, name: str, texts: Texts) -> str:
    if path.resolve() in texts:
        return texts[path.resolve()]
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise _failed(name, f"expected a profile of at most {LARGEST_FILE} bytes, was {path.stat().st_size}")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _failed(name, f"expected a readable file, was: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _failed(name, "expected UTF-8 text, was something else", line) from None


def _check_depth(data: Mapping[str, Any], name: str) -> None:
    level: list[Any] = [data]
    for _ in range(DEEPEST_TABLE):
        level = [
            item
            for value in level
            for item in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
        ]
    if level:
        raise _failed(name, f"expected at most {DEEPEST_TABLE} tables inside each other, was deeper")


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        data = tomli.loads(text, parse_float=read_number)
    except tomli.TOMLDecodeError as error:
        at = _AT_PLACE.search(str(error))
        line = int(at.group(1)) if at and at.group(1) else text.rstrip().count("\n") + 1
        raise _failed(name, f"expected TOML, was not: {_AT_PLACE.sub('', str(error))}", line) from None
    except RecursionError:
        raise _failed(name, f"expected at most {DEEPEST_TABLE} tables inside each other, was deeper") from None
    except ValueError as error:
        raise _failed(name, f"expected TOML, was not: {error}") from None
    _check_depth(data, name)
    return data


def _read_one(path: Path, name: str, texts: Texts) -> Document:
    text = _text(path, name, texts)
    data = _parse(text, name)
    lines = scan_lines(text)
    folder = path.parent.resolve()
    places = {key: Place(name, line, folder) for key, line in lines.by_path.items()}
    return Document(data, places, lines.inline)


def read_document(path: Path, name: str = "", texts: Texts = MappingProxyType({})) -> Document:
    """Read a profile and all that it extends, the extending file winning.

    Tables are merged key by key; values, inline tables and arrays of tables are replaced as a whole, and so is the
    table of a component when the extending file uses another one. `texts` stand in for the files of these resolved
    paths, as they were at another time. Raises ProfileError.
    """
    return _read_chain(path, name or str(path), (), texts)


def profile_texts(path: Path) -> dict[Path, str]:
    """Return the texts of a profile and of all that it extends, by resolved path; raises ProfileError."""
    texts: dict[Path, str] = {}
    following: Path | None = path.resolve()
    while following is not None and following not in texts:
        texts[following] = _text(following, str(following), {})
        head = _parse(texts[following], str(following)).get("profile")
        extends = head.get("extends") if isinstance(head, dict) else None
        following = (following.parent / extends).resolve() if isinstance(extends, str) else None
    return texts


def _read_chain(path: Path, name: str, seen: tuple[Path, ...], texts: Texts) -> Document:
    document = _read_one(path, name, texts)
    head = document.data.get("profile")
    extends = head.get("extends") if isinstance(head, dict) else None
    if extends is None:
        return document
    base_path = _base_path(path, extends, (*seen, path.resolve()), document, name)
    if base_path not in texts and not base_path.is_file():
        where = document.address(("profile",), "profile", name)
        raise ProfileError([where.problem(("extends",), f"expected a file that exists, was {extends}")])
    base = _read_chain(base_path, str(Path(name).parent / extends), (*seen, path.resolve()), texts)
    return merge(base, document)


def _base_path(path: Path, extends: Any, seen: Sequence[Path], document: Document, name: str) -> Path:
    where = document.address(("profile",), "profile", name)
    if not isinstance(extends, str) or not extends.endswith(".toml") or Path(extends).is_absolute():
        raise ProfileError(
            [where.problem(("extends",), "expected a relative path to a .toml file, was something else")]
        )
    base = (path.parent / extends).resolve()
    if base in seen:
        chain = " extends ".join(step.name for step in (*seen[seen.index(base) :], base))
        raise ProfileError([where.problem(("extends",), f"expected a chain of files without a circle, was {chain}")])
    return base


def _inside(paths: Iterable[KeyPath], around: KeyPath) -> list[KeyPath]:
    return [path for path in paths if path[: len(around)] == around]


def merge(base: Document, over: Document) -> Document:
    """Return `base` with everything that `over` says put over it."""
    merged = Document(dict(base.data), dict(base.places), set(base.inline))
    _merge_table(merged, merged.data, over, over.data, ())
    return merged


def _merge_table(
    merged: Document, target: dict[str, Any], over: Document, source: Mapping[str, Any], around: KeyPath
) -> None:
    for key, value in source.items():
        path = (*around, key)
        old = target.get(key)
        if isinstance(value, dict) and isinstance(old, dict) and _mergeable(merged, over, path, old, value):
            target[key] = dict(old)
            if path in over.places:
                merged.places[path] = over.places[path]
            _merge_table(merged, target[key], over, value, path)
        else:
            target[key] = value
            replace_places(merged, over, path)


def _mergeable(merged: Document, over: Document, path: KeyPath, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if path in over.inline or path in merged.inline:
        return False
    other_component = path[0] in ONE_COMPONENT and len(path) == 1 and new.get("use", old.get("use")) != old.get("use")
    return not other_component


def replace_places(merged: Document, over: Document, path: KeyPath) -> None:
    """Let `over` say where `path` and everything inside it stands."""
    for old in _inside(merged.places, path):
        del merged.places[old]
    merged.inline.difference_update(_inside(merged.inline, path))
    merged.places.update({new: over.places[new] for new in _inside(over.places, path)})
    merged.inline.update(_inside(over.inline, path))
