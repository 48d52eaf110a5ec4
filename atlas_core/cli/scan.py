"""`atlas scan`: the signals of the latest bars and what would be done with each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from atlas_core.cli.completion import complete_profile
from atlas_core.cli.formats import compact, number, price
from atlas_core.cli.run import prepare, profile_options, profile_overrides
from atlas_core.cli.tables import Column, print_json, print_table, say, when

if TYPE_CHECKING:
    from atlas_core.runtime.scan import ScanRow

COLUMNS = (
    Column("Symbol"),
    Column("TF"),
    Column("Setup"),
    Column("Side", drop=1),
    Column("Known since", numeric=True, drop=5),
    Column("Trigger", numeric=True),
    Column("Stop", numeric=True),
    Column("Target", numeric=True, drop=2),
    Column("R:R", numeric=True, drop=1),
    Column("Decision"),
)


@click.command()
@click.argument("profile", shell_complete=complete_profile)
@profile_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def scan(profile: str, as_json: bool, **options: Any) -> None:
    """Show the signals of the latest bars of PROFILE and what each gate says; nothing is ordered."""
    from atlas_core.cli.results import header, say_header
    from atlas_core.runtime.scan import scan_latest

    loaded, _, system = prepare(profile, None, profile_overrides(**options))
    rows = scan_latest(system)
    if as_json:
        print_json(
            {
                "profile": loaded.name,
                "mode": system.mode,
                "synthetic": system.synthetic,
                "seed": loaded.seed,
                "signals": [_facts(row) for row in rows],
            }
        )
        return
    say_header(header(loaded.name, system.mode, system.synthetic, loaded.seed))
    if not rows:
        say("no signal on the latest bars")
        return
    print_table("Signals of the latest bars, nothing is ordered", COLUMNS, [scan_cells(row) for row in rows])
    counts = Counter(row.decision for row in rows)
    say(f"{len(rows)} signals = {' + '.join(f'{name} {count}' for name, count in sorted(counts.items()))}")


def scan_cells(row: ScanRow) -> list[str]:
    """Return a scanned signal's cells in the order of `COLUMNS`."""
    signal = row.signal
    why = ": ".join(part for part in (row.by, row.reason) if part)
    if row.value is not None and row.threshold is not None:
        why += f", {compact(row.value)} against {compact(row.threshold)}"
    return [
        signal.symbol, signal.timeframe, signal.pattern, signal.side.value, when(signal.available_at),
        price(signal.trigger), price(signal.stop), price(signal.target), number(signal.reward_to_risk),
        f"{row.decision} ({why})" if why else row.decision,
    ]  # fmt: skip


def _facts(row: ScanRow) -> dict[str, Any]:
    from atlas_core.report.export import iso

    signal = row.signal
    names = ("key", "scanner", "symbol", "timeframe", "pattern", "side", "entry", "trigger", "stop", "target", "score")
    return {name: getattr(signal, name) for name in names} | {
        "available_at": iso(signal.available_at),
        "setup_at": iso(signal.setup_at),
        "reward_to_risk": signal.reward_to_risk,
        "decision": row.decision,
        "by": row.by,
        "reason": row.reason,
        "value": row.value,
        "threshold": row.threshold,
    }
