"""Gives classes and modules of the client other attributes for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

Change = Callable[[], AbstractContextManager[Any]]


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Give a class or a module another attribute for a while."""
    before = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def swap(owner: Any, name: str, value: Any) -> Change:
    """Return the change of one attribute."""
    return lambda: replaced(owner, name, value)


def wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> Change:
    """Return the change of one attribute into something around what it was."""
    return lambda: replaced(owner, name, make(vars(owner)[name]))


def both(*changes: Change) -> Change:
    """Return several changes as one."""

    @contextmanager
    def together() -> Iterator[None]:
        with ExitStack() as stack:
            for change in changes:
                stack.enter_context(change())
            yield

    return together


def nothing(*_: Any, **__: Any) -> None:
    """Do nothing."""


def true(*_: Any, **__: Any) -> bool:
    """Say yes."""
    return True


def false(*_: Any, **__: Any) -> bool:
    """Say no."""
    return False
