"""The benchmark: `python -m tests.benchmarks run --data FOLDER [--peers ENVIRONMENT] [--markdown FILE]`.

Every figure comes from a fresh process: the first call after import and loading, the median of the calls after it, the
CPU seconds of the quickest one, and the most memory held. Counts must be those of the benchmark's description and the
hash of the result the one that is kept, or the run fails. Other commands: `peers-env FOLDER` makes an environment with
the peers, `growth --data FOLDER` measures how time grows with bars and symbols.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.data import stored
from tests.benchmarks.fresh import Ended, fresh, measured
from tests.benchmarks.growth import growth
from tests.benchmarks.table import Line, machine, markdown
from tests.benchmarks.workloads import WORKLOADS, Workload

PEERS = {
    "vectorbt": ("vectorbt==1.2.0", "plotly<6"),
    "backtesting.py": ("backtesting==0.6.6",),
    "nautilus_trader": ("nautilus_trader==1.221.0",),
    "backtrader": ("backtrader==1.9.78.123", "pandas"),
}
SIDES = {
    "vectorbt": ("vectorbt_side.py", ("W1", "W2", "W4")),
    "backtesting.py": ("backtesting_side.py", ("W1", "W2")),
    "nautilus_trader": ("nautilus_side.py", ("W1",)),
    "backtrader": ("backtrader_side.py", ("W1",)),
}
WHOLE = ("W1", "W2", "W3")
WHOLE_ROUNDS = 5
MODULE_OF = {"backtesting.py": "backtesting"}

# The results of this version: a change of speed must leave them alone, a change of behaviour says why it does not.
KEPT = {
    "W1": "4b1d1875b26afc9c",
    "W2": "f29b120c818ff4f3",
    "W3": "876ca873399023bf",
    "W4": "0f2b115843415863",
    "W5": "6b3c2ce89c53a61e",
}


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    run = commands.add_parser("run", help="measure the workloads, beside the peers where they are installed")
    run.add_argument("workloads", nargs="*", default=list(WORKLOADS), metavar="W1..W5")
    run.add_argument("--data", type=Path, required=True, help="folder of the benchmark's files; made where missing")
    run.add_argument("--peers", type=Path, help="environment made by peers-env")
    run.add_argument("--rounds", type=int, default=5)
    run.add_argument("--driver", default="columns", help="columns, skipping or plain")
    run.add_argument("--markdown", type=Path, help="write the table there too")
    grows = commands.add_parser("growth", help="measure how time grows with bars and with symbols")
    grows.add_argument("--data", type=Path, required=True)
    peers = commands.add_parser("peers-env", help="make an environment with the peers")
    peers.add_argument("folder", type=Path)
    given = parser.parse_args()
    {"run": _run, "growth": lambda args: growth(args.data), "peers-env": _peers_env}[given.command](given)


def _peers_env(given: argparse.Namespace) -> None:
    """Make one environment for each peer: what they require contradicts each other."""
    for peer, wanted in PEERS.items():
        subprocess.run([sys.executable, "-m", "venv", str(given.folder / peer)], check=True)
        done = subprocess.run([str(given.folder / peer / "bin" / "pip"), "install", "-q", *wanted], check=False)
        print(f"{peer}: {'installed' if done.returncode == 0 else 'not available here'}")


def _run(given: argparse.Namespace) -> None:
    store, lines = stored(given.data), []
    for name in given.workloads:
        workload = WORKLOADS[name]
        ended = measured("tests.benchmarks.subject", name, str(store), str(given.rounds), given.driver)
        _expect(workload, ended.answer())
        lines.append(_line("Atlas", workload, ended))
        print(lines[-1].text(), flush=True)
        if name in WHOLE:
            lines.append(_whole(workload, store))
            print(lines[-1].text(), flush=True)
        for peer, (side, offered) in SIDES.items():
            if given.peers and name in offered and _has(given.peers / peer, peer):
                lines.append(_beside(given, peer, side, workload))
                print(lines[-1].text(), flush=True)
    if given.markdown:
        given.markdown.write_text(markdown(lines), encoding="utf-8")
    print(f"\n{machine()}")


def _whole(workload: Workload, store: Path) -> Line:
    """Measure `atlas backtest` from the shell to its report: in a home of its own, after a run that is not measured."""
    with TemporaryDirectory() as home:
        profile = Path(home) / f"{workload.name.lower()}.toml"
        profile.write_text(workload.profile(store), encoding="utf-8")
        command = [sys.executable, "-m", "atlas_core", "backtest", str(profile)]
        ended = [fresh(command, {"ATLAS_HOME": home}) for _ in range(WHOLE_ROUNDS + 1)][1:]
    quickest = min(ended, key=lambda one: one.seconds)
    return Line(
        who="atlas backtest",
        workload=workload,
        first=statistics.median(one.seconds for one in ended),
        again=quickest.seconds,
        first_cpu=statistics.median(one.cpu for one in ended),
        cpu=min(one.cpu for one in ended),
        peak_mib=quickest.peak_mib,
        counts={"lines of report": quickest.output.count("\n")},
    )


def _expect(workload: Workload, answer: dict[str, Any]) -> None:
    if answer["counts"] != dict(workload.expected):
        raise SystemExit(f"{workload.name}: expected {dict(workload.expected)}, was {answer['counts']}")
    if answer["hash"] != KEPT[workload.name]:
        raise SystemExit(f"{workload.name}: expected the result {KEPT[workload.name]}, was {answer['hash']}")


def _has(environment: Path, peer: str) -> bool:
    if not Path(_python(environment)).exists():
        return False
    asked = [_python(environment), "-c", f"import {MODULE_OF.get(peer, peer)}"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _python(environment: Path) -> str:
    return str(environment / "bin" / "python")


def _beside(given: argparse.Namespace, peer: str, side: str, workload: Workload) -> Line:
    script = Path(__file__).with_name("peers") / side
    rounds = "2" if peer != "vectorbt" else str(given.rounds)
    return _line(
        peer, workload, fresh([_python(given.peers / peer), str(script), workload.name, str(given.data), rounds])
    )


def _line(who: str, workload: Workload, ended: Ended) -> Line:
    return Line.of(who, workload, ended.answer(), ended.peak_mib)


if __name__ == "__main__":
    main()
