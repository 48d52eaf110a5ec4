"""How many systems were tried on the data of a back-test, and what its result is worth after so many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from atlas_core.errors import AtlasError

if TYPE_CHECKING:
    from atlas_core.search.deflation import Deflation


def trials_note(home: Path, run_id: str) -> str:
    """Return it as a sentence, empty for a run that is no trial; a ledger that cannot be opened is told as one."""
    from atlas_core.search.deflation import deflation
    from atlas_core.search.ledger import LEDGER_NAME, Ledger

    if not (home / "sweeps" / LEDGER_NAME).is_file():
        return ""
    try:
        opened = Ledger.at(home)
    except AtlasError as fault:
        return f"How much was tried on this data is not known: {fault}."
    with opened as ledger:
        trial = next(iter(ledger.trials(run_id)), None)
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
