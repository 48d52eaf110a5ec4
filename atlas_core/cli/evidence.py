"""What is known of a run beside its own figures: checks of its profile, and everything that was tried on its data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from json import loads
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
_OPTIONS = {"universe.start": "--from", "universe.end": "--to", "profile.seed": "--seed"}
_QUOTE = '"'


def evidence_of(kept: KeptRun) -> Evidence:
    """Return all that is known of a kept run."""
    from atlas_core.model.records import RunStarted
    from atlas_core.report.evidence import NOTHING_KNOWN

    manifest = read_made_of(kept.run)
    started = next((record for record in kept.records if isinstance(record, RunStarted)), None)
    if started is None:
        return NOTHING_KNOWN
    return known_of_run(kept.home, kept.run.run_id, manifest, started.profile_digest, with_searches=True)


def known_of_run(
    home: Path, run_id: str, manifest: Manifest, profile_digest: str, *, with_searches: bool = False
) -> Evidence:
    """Return what is known of a run that was made of what its manifest says; the sweeps over its data on request."""
    from atlas_core.report.evidence import Evidence

    checks = _checks(home, manifest, profile_digest)
    with _ledger(home) as ledger:
        if ledger is None or isinstance(ledger, str):
            return Evidence(checks=checks, tried=ledger or "")
        trial = next(iter(ledger.trials(run_id)), None)
        systems, tried = _tried(ledger, run_id, trial)
        sweeps = _sweeps(home, ledger, trial, manifest) if with_searches else []
        searches = tuple(_searched(sweep, ledger) for sweep in sweeps if ledger.count(sweep.sweep_id))
        return Evidence(checks=checks, systems=systems, tried=tried, searches=searches)


@contextmanager
def _ledger(home: Path) -> Iterator[Ledger | str | None]:
    """Yield the ledger below a home: None where nothing was ever tried, a sentence where it cannot be opened."""
    from atlas_core.search.ledger import LEDGER_NAME, Ledger

    if not (home / "sweeps" / LEDGER_NAME).is_file():
        yield None
        return
    try:
        opened = Ledger.at(home)
    except AtlasError as fault:
        yield f"How much was tried on this data is not known: {fault}."
        return
    with opened as ledger:
        yield ledger


def _checks(home: Path, manifest: Manifest, profile_digest: str) -> tuple[Check, ...]:
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
    return " ".join([typed_profile(Path(made_of["profile_path"])), *typed_settings(overrides_of(made_of))])


def typed_settings(settings: Iterable[tuple[str, str]]) -> list[str]:
    """Return values that are put over a profile as they are typed, the usual ones by their own options."""
    typed = []
    for key, text in settings:
        names = _symbols(text) if key == "universe.symbols" else None
        if names is not None:
            typed += [f"--symbol {quote(name)}" for name in names]
        elif key in _OPTIONS:
            typed.append(f"{_OPTIONS[key]} {quote(text.strip(_QUOTE))}")
        else:
            typed.append(f"--set {quote(f'{key}={text}')}")
    return typed


def _symbols(text: str) -> list[str] | None:
    """Return the symbols of a TOML array of texts, None for anything else."""
    try:
        names = loads(text)
    except ValueError:
        return None
    return names if isinstance(names, list) and names and all(isinstance(name, str) for name in names) else None


def typed_profile(path: Path) -> str:
    """Return a profile as it is typed: by its name where it comes with Atlas, else by its path from here."""
    from atlas_core.profile import available_profiles, find_profile

    is_shipped = path.stem in available_profiles() and find_profile(path.stem).resolve() == path
    near = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return path.stem if is_shipped else quote(str(near))


def _tried(ledger: Ledger, run_id: str, trial: Trial | None) -> tuple[int, str]:
    """Return how many systems were tried on the data of a run and what that does to it; none for what is no trial."""
    from atlas_core.search.deflation import deflation

    if trial is None:
        return 0, ""
    worth = deflation(trial, ledger.curve(run_id, trial), ledger.sharpes_on(trial.data.identity))
    return worth.trials, told(worth)


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
