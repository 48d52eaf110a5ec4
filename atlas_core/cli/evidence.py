"""What is known of a run beside its own figures: checks of its profile, and everything that was tried on its data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from atlas_core import __version__
from atlas_core.cli.manifests import Manifest, read_made_of
from atlas_core.errors import AtlasError

if TYPE_CHECKING:
    from atlas_core.cli.kept import KeptRun
    from atlas_core.report.evidence import Check, Evidence, Searched
    from atlas_core.search.deflation import Deflation
    from atlas_core.search.ledger import Ledger, Trial
    from atlas_core.search.plan import Sweep

MOST_SEARCHES = 5
Checks = tuple["Check", ...]


def evidence_of(kept: KeptRun) -> Evidence:
    """Return all that is known of a kept run."""
    from atlas_core.model.records import RunStarted
    from atlas_core.report.evidence import Evidence

    manifest = read_made_of(kept.run)
    started = next((record for record in kept.records if isinstance(record, RunStarted)), None)
    checks = () if started is None else checks_of_run(kept.home, manifest, started.profile_digest)
    tried, searches = _tried(kept.home, kept.run.run_id, manifest)
    return Evidence(checks=checks, tried=tried, searches=searches)


def checks_of_run(home: Path, manifest: Manifest, profile_digest: str) -> Checks:
    """Return what is known of the checks of a profile, for a run that was made of what its manifest says."""
    from atlas_core.checking.keeping import checks_of, kept_checks
    from atlas_core.report.evidence import made_of_code
    from atlas_core.report.provenance import data_digest

    return checks_of(
        kept_checks(home, profile_digest),
        code=made_of_code(manifest, __version__ if "atlas" not in manifest else str(manifest["atlas"])),
        data=data_digest(manifest.get("data") or ()),
        arguments=_arguments(manifest.get("made_of") or {}),
    )


def _arguments(made_of: Mapping[str, Any]) -> str:
    """Return the profile and its overrides as they are typed."""
    from atlas_core.report.provenance import overrides_of

    if "profile_path" not in made_of:
        return "PROFILE"
    changes = [f"--set {quote(f'{key}={value}')}" for key, value in overrides_of(made_of)]
    return " ".join([typed_profile(Path(made_of["profile_path"])), *changes])


def typed_profile(path: Path) -> str:
    """Return the profile in a file as it is typed: by its name where it comes with Atlas, else by its path."""
    from atlas_core.profile import available_profiles, find_profile

    is_shipped = path.stem in available_profiles() and find_profile(path.stem).resolve() == path
    return path.stem if is_shipped else quote(str(path))


def _tried(home: Path, run_id: str, manifest: Manifest) -> tuple[str, tuple[Searched, ...]]:
    """Return what was tried on the data of a run as a sentence, and the sweeps among it, the latest first.

    A ledger that cannot be opened is told as a sentence.
    """
    from atlas_core.search.ledger import LEDGER_NAME, Ledger

    if not (home / "sweeps" / LEDGER_NAME).is_file():
        return "", ()
    try:
        opened = Ledger.at(home)
    except AtlasError as fault:
        return f"How much was tried on this data is not known: {fault}.", ()
    with opened as ledger:
        trial = next(iter(ledger.trials(run_id)), None)
        sweeps = _sweeps(home, ledger, trial, manifest)
        return trials_note(ledger, run_id, trial), tuple(_searched(sweep, ledger) for sweep in sweeps)


def trials_note(ledger: Ledger, run_id: str, trial: Trial | None) -> str:
    """Return how much was tried on the data of a run and what that does to it, empty for a run that is no trial."""
    from atlas_core.search.deflation import deflation

    if trial is None:
        return ""
    return told(deflation(trial, ledger.curve(run_id, trial), ledger.sharpes_on(trial.data.identity)))


def told(worth: Deflation) -> str:
    """Return what the number of trials does to a Sharpe ratio."""
    if worth.trials < 2:
        return "Nothing else was tried on this data, as far as the ledger of this home knows."
    many = f"{worth.trials:,} systems were tried on this data, this one among them"
    if worth.sharpe is None or worth.expected_by_luck is None or worth.probability is None:
        return f"{many}; a Sharpe ratio does not exist for this run, so nothing tells it from luck."
    luck = f"luck alone would give the best of them a Sharpe ratio of about {worth.expected_by_luck:.2f}"
    own = f"{worth.sharpe:.2f}; the probability that its true ratio is above luck's is {worth.probability:.2f}"
    return f"{many}: {luck}. This one has {own}."


def _sweeps(home: Path, ledger: Ledger, trial: Trial | None, manifest: Manifest) -> list[Sweep]:
    """Return the latest sweeps over the data of a run; of its profile where its data are not known."""
    from atlas_core.search.plan import SweepStore

    sweeps = SweepStore(home).all()
    if trial is None:
        path = (manifest.get("made_of") or {}).get("profile_path")
        found = [sweep for sweep in sweeps if sweep.plan.profile == path]
    else:
        names = ledger.sweeps_on(trial.data.identity)
        found = [sweep for sweep in sweeps if sweep.sweep_id in names]
    return found[: -MOST_SEARCHES - 1 : -1]


def _searched(sweep: Sweep, ledger: Ledger) -> Searched:
    from atlas_core.cli.sweep import Launch, understood
    from atlas_core.cli.sweep_screen import found_of, result_text
    from atlas_core.report.evidence import Searched
    from atlas_core.search.conducting import Ending
    from atlas_core.search.sweeping import Outcome

    plan = sweep.plan
    state = "complete" if sweep.is_complete else "cut off"
    count = partial(Searched, sweep_id=sweep.sweep_id, trials=ledger.count(sweep.sweep_id), state=state)
    try:
        launch = Launch(sweep, understood(plan))
        outcome = Outcome(ledger.trials(sweep.sweep_id), Ending.COMPLETE, sweep.windows)
        found = found_of(launch, outcome, ledger)
    except AtlasError as fault:
        return count(method=plan.way, result=f"cannot be shown: {fault}", worth="")
    worth = "" if found.deflation is None else found.deflation.sentence()
    return count(method=plan.way, result=result_text(found), worth=worth)
