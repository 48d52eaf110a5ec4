"""Proofs for tests of plugins: a profile that uses the plugin is held to what every shipped profile is held to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from atlas_core.checking.findings import LookaheadReport
from atlas_core.checking.lookahead import LookaheadPlan, check_lookahead
from atlas_core.checking.market import record_market
from atlas_core.checking.parity import ParityReport, check_parity
from atlas_core.checking.warmup import NEVER, TOO_SHORT, WarmupPlan, WarmupReport, check_warmup
from atlas_core.plugins import discover
from atlas_core.profile import load_profile

if TYPE_CHECKING:
    from atlas_core.plugins import Registry


@frozen(kw_only=True)
class Proof:
    """What three checks found about one profile on one market."""

    lookahead: LookaheadReport
    warmup: WarmupReport
    parity: ParityReport

    @property
    def faults(self) -> tuple[str, ...]:
        """Return each fault in one line, none for a profile that holds."""
        return (
            *(
                f"{found.component} sees the future ({found.check}): {found.what}: {found.with_future}, "
                f"without it {found.without}; {found.unknown}"
                for found in self.lookahead.findings
            ),
            *(
                f"{need.component} declares {need.declared} bars of {need.timeframe} and needs {need.needed}: "
                f"{need.example}"
                for need in self.warmup.needs
                if need.verdict in (TOO_SHORT, NEVER)
            ),
            *(f"{found.component} is not warm in time: {found.what}" for found in self.warmup.findings),
            *(
                f"session and back-test differ ({each.cause}): {each.kind} of {each.signal or 'the account'} "
                f"{each.symbol}, in {', '.join(each.fields) or 'one of them only'}"
                for each in self.parity.roots
            ),
        )


def prove(
    profile: Path | str,
    registry: Registry | None = None,
    *,
    overrides: Sequence[tuple[str, str]] = (),
    cuts: int = 12,
    runs: int = 3,
) -> Proof:
    """Check a profile on the history of its own provider: look-ahead, warm-up and parity.

    `registry` is what the profile's parts come from, what is installed without it; `overrides` are keys and TOML texts
    as behind `--set`. More `cuts` (of each scanner's history) and `runs` (cut in the middle) find rarer faults. Raises
    ProfileError for a profile with problems, DataError without history, ContractError for a component that fails.
    """
    loaded = load_profile(profile, registry or discover(), overrides=overrides)
    market = record_market(loaded)
    return Proof(
        lookahead=check_lookahead(loaded, market, LookaheadPlan(scan_cuts=cuts, run_cuts=runs)),
        warmup=check_warmup(loaded, market, WarmupPlan(starts=cuts, windows=cuts)),
        parity=check_parity(loaded, market),
    )


def assert_profile_holds(
    profile: Path | str,
    registry: Registry | None = None,
    *,
    overrides: Sequence[tuple[str, str]] = (),
    cuts: int = 12,
    runs: int = 3,
) -> None:
    """Raise AssertionError with every fault that `prove` finds."""
    faults = prove(profile, registry, overrides=overrides, cuts=cuts, runs=runs).faults
    if faults:
        raise AssertionError("\n".join(faults))
