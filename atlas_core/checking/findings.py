"""What a check finds, component by component."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import Factory, evolve, frozen

from atlas_core.checking.sources import SourceWarning
from atlas_core.clock import to_datetime
from atlas_core.contracts import Kind
from atlas_core.profile import Profile

ENGINE = "engine"
_WORD = {Kind.EXIT_RULE: "exit rule"}
DECIDERS = (Kind.SCANNER, Kind.GATE, Kind.SIZER, Kind.EXIT_RULE)


@frozen(kw_only=True)
class Finding:
    """A decision that depends on what nobody could know.

    `check` is how it was found. `with_future` is what was decided with the whole history, `without` what is decided
    without the bars after `cut` (nanoseconds UTC); `unknown` says which bars they are, `advice` what to do.
    """

    component: str
    check: str
    what: str
    fields: tuple[str, ...]
    with_future: str
    without: str
    cut: int
    unknown: str
    advice: str


@frozen(kw_only=True)
class ComponentResult:
    """One component: how many of its answers were held against each other, and what was found."""

    component: str
    use: str
    compared: int
    findings: tuple[Finding, ...] = ()
    warnings: tuple[SourceWarning, ...] = ()

    @property
    def verdict(self) -> str:
        """Return the result in one word or two."""
        if self.findings:
            return "sees the future" if any(found.check != REPEATED for found in self.findings) else "is not repeatable"
        return "ok" if self.compared else "said nothing"


REPEATED = "repeated"


@frozen(kw_only=True)
class LookaheadReport:
    """What became of a check for look-ahead: exit code 4 where a component has a finding; warnings never fail."""

    profile: str
    symbols: tuple[str, ...]
    start: int
    end: int
    components: tuple[ComponentResult, ...]
    scans: int
    runs: int
    notes: tuple[str, ...] = Factory(tuple)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return all findings, in the profile's order of components."""
        return tuple(found for component in self.components for found in component.findings)

    @property
    def warnings(self) -> tuple[SourceWarning, ...]:
        """Return all warnings about sources, each once."""
        return tuple(dict.fromkeys(warning for component in self.components for warning in component.warnings))

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing was found."""
        return not self.findings


def component_names(profile: Profile) -> list[tuple[str, str]]:
    """Return the deciders of a profile as they are called everywhere, each with what it uses."""
    return [
        (f"{_WORD.get(chosen.kind, str(chosen.kind))} {chosen.label}", chosen.use)
        for chosen in profile.selections()
        if chosen.kind in DECIDERS
    ]


def one_per_check(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the first finding of each check, one for checks that found the same: the others have the same cause."""
    first: dict[str, Finding] = {}
    for found in findings:
        first.setdefault(found.check, found)
    told: dict[str, Finding] = {}
    for found in first.values():
        known = told.get(found.what)
        told[found.what] = found if known is None else evolve(known, check=f"{known.check}, {found.check}")
    return tuple(told.values())


def moment(ts: int) -> str:
    """Return a time as reports show it."""
    return f"{to_datetime(ts):%Y-%m-%d %H:%M}Z"
