"""Secrets: references to where a secret is kept, read only when it is needed and never shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, NoReturn

from atlas_core.errors import MissingExtra, ProfileError
from atlas_core.options.problems import shown
from atlas_core.problem import Problem

HIDDEN = "***"
SOURCES = ("env", "file", "keyring")
_FORM = '{ env = "NAME" }, { file = "path" } or { keyring = "service/name" }'
_OTHERS_MAY_READ = stat.S_IRWXG | stat.S_IRWXO


def _refuse(message: str) -> NoReturn:
    raise ProfileError([Problem(message=message)])


def _from_environment(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        _refuse(f"expected the environment variable {name} to hold the secret, was not set")
    return value


def _from_file(name: str) -> str:
    path = Path(name).expanduser()
    try:
        if os.name == "posix" and path.stat().st_mode & _OTHERS_MAY_READ:
            _refuse(f"expected a secret file that only its owner may read, was open to others; chmod 600 {path}")
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        _refuse(f"expected a readable secret file, was {path}: {reason}")
    if not value:
        _refuse(f"expected a secret in {path}, was empty")
    return value


def _from_keyring(name: str) -> str:
    try:
        import keyring
    except ImportError:
        remedy = "python -m pip install 'atlas-trading[keyring]'"
        raise MissingExtra("a secret in the keyring", ["keyring"], remedy) from None
    service, _, user = name.rpartition("/")
    value = keyring.get_password(service, user)
    if not value:
        _refuse(f"expected a secret in the keyring under {name}, was none")
    return str(value)


class Secret:
    """A secret that hides itself: no repr, str, format or pickle shows it; only `reveal` does.

    It holds a reference (`source` is env, file or keyring, `name` says which); `Secret.literal` holds a text and is
    for tests.
    """

    __slots__ = ("_name", "_source")

    def __init__(self, source: str, name: str) -> None:
        self._source = source
        self._name = name

    @classmethod
    def literal(cls, text: str) -> Secret:
        """Return a secret that holds `text` itself."""
        return cls("text", text)

    def reveal(self) -> str:
        """Return the secret.

        Raises ProfileError when it is not where the reference says, MissingExtra without the keyring's package.
        """
        if self._source == "text":
            return self._name
        readers = {"env": _from_environment, "file": _from_file, "keyring": _from_keyring}
        return readers[self._source](self._name)

    def anchored(self, folder: Path) -> Secret:
        """Return the secret with a relative file path taken from `folder`."""
        if self._source != "file":
            return self
        return Secret(self._source, str(folder / Path(self._name).expanduser()))

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, _spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self._source, self._name) == (other._source, other._name)

    def __hash__(self) -> int:
        return hash((self._source, self._name))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: object) -> Secret:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self._source == "text":
            raise TypeError("a secret text cannot be pickled; use a reference to it")
        return Secret, (self._source, self._name)


def read_secret(value: Any) -> Secret:
    """Return the secret that a table refers to.

    Raises ValueError when the value is not a reference, without ever repeating the value.
    """
    if not isinstance(value, dict):
        was = "a text in the file itself (not shown)" if isinstance(value, str) else "something else (not shown)"
        raise ValueError(f"expected a reference such as {_FORM}, was {was}")
    if len(value) != 1 or next(iter(value)) not in SOURCES:
        raise ValueError(f"expected exactly one of env, file and keyring, was {shown(sorted(value))}")
    source, name = next(iter(value.items()))
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"expected the name of the {source} secret as a text, was something else (not shown)")
    if source == "keyring" and not all(name.rpartition("/")[::2]):
        raise ValueError('expected keyring = "service/name", was without a service or a name')
    return Secret(source, name)
