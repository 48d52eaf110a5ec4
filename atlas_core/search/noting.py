"""A back-test by hand is a trial too: it goes into the ledger of everything that was ever tried on its data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from atlas_core.clock import LiveClock
from atlas_core.compose import System
from atlas_core.report.catalogue import metric_values
from atlas_core.report.results import Results
from atlas_core.search.knowing import metrics_of_trials, system_digest
from atlas_core.search.ledger import DataSet, Ledger, Trial, TrialStatus
from atlas_core.search.plan import profile_base
from atlas_core.search.space import Setting


def note_back_test(
    home: Path, run_id: str, system: System, overrides: Sequence[Setting], results: Results, data: DataSet
) -> None:
    """Keep a back-test as a trial; raises AtlasError when the ledger cannot be written."""
    _, base = profile_base(str(system.profile.source))
    trial = Trial(
        number=0,
        settings=tuple(overrides),
        status=TrialStatus.FINISHED,
        data=data,
        system=system_digest(base, overrides),
        figures=metric_values(evolve(results, risk_free=0.0), metrics_of_trials("sharpe")),
        curve=results.daily_curve(),
    )
    with Ledger.at(home) as ledger:
        ledger.add(run_id, [trial], LiveClock().now())
