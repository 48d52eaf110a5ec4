"""The descriptor that a plugin hands back for each thing it offers, and one typed helper per kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import frozen

from atlas_core.contracts import (
    Alerter,
    Broker,
    Capability,
    Context,
    ExitRule,
    Gate,
    Kind,
    Provider,
    Scanner,
    Sizer,
)

Options = TypeVar("Options")
Made = TypeVar("Made", covariant=True)  # noqa: PLC0105  (the word a reader of a signature sees)


@frozen
class NoOptions:
    """The options of a component that has none."""


@frozen(kw_only=True)
class Component(Generic[Options, Made]):
    """What a plugin offers under one name.

    `factory(options, context)` makes the object and imports the SDK only then; `requires` are import names that are
    looked up but never imported when plugins are listed; `extra` is the extra of the distribution that installs them.
    """

    kind: Kind
    name: str
    factory: Callable[[Options, Context], Made]
    options: type[Options]
    capabilities: frozenset[Capability] = frozenset()
    requires: tuple[str, ...] = ()
    extra: str | None = None
    summary: str = ""


if TYPE_CHECKING:
    # One signature for all helpers, with the contract that the factory's product must satisfy.
    class _Helper(Generic[Made]):
        def __call__(
            self,
            name: str,
            factory: Callable[[Options, Context], Made],
            *,
            options: type[Options] = ...,
            capabilities: Iterable[Capability] = (),
            requires: tuple[str, ...] = (),
            extra: str | None = None,
            summary: str = "",
        ) -> Component[Options, Made]: ...


def _helper(kind: Kind) -> Any:
    def declare(
        name: str,
        factory: Callable[[Any, Context], Any],
        *,
        options: type[Any] = NoOptions,
        capabilities: Iterable[Capability] = (),
        requires: tuple[str, ...] = (),
        extra: str | None = None,
        summary: str = "",
    ) -> Component[Any, Any]:
        first_line = next(iter((factory.__doc__ or "").strip().splitlines()), "")
        return Component(
            kind=kind,
            name=name,
            factory=factory,
            options=options,
            capabilities=frozenset(capabilities),
            requires=requires,
            extra=extra,
            summary=summary or first_line,
        )

    declare.__name__ = kind.name.lower()
    declare.__doc__ = f"Describe a {kind.name.lower().replace('_', ' ')}."
    return declare


provider: _Helper[Provider] = _helper(Kind.PROVIDER)
scanner: _Helper[Scanner] = _helper(Kind.SCANNER)
gate: _Helper[Gate] = _helper(Kind.GATE)
sizer: _Helper[Sizer] = _helper(Kind.SIZER)
broker: _Helper[Broker] = _helper(Kind.BROKER)
exit_rule: _Helper[ExitRule] = _helper(Kind.EXIT_RULE)
alerter: _Helper[Alerter] = _helper(Kind.ALERTER)
