"""How a change of the client is made for a while: an attribute of a class or a module is replaced by a worse one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from atlas_core.engine.limits import Check, LimitDesk

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


def without_limit(name: str) -> Change:
    """Return the change that leaves out one limit."""

    def around(checks: Any) -> Any:
        def other(self: LimitDesk, *asked: Any, **more: Any) -> Iterator[Check]:
            for check in checks(self, *asked, **more):
                if check.limit != name:
                    yield check

        return other

    return wrap(LimitDesk, "checks", around)
