"""Kills of the real daemon: `python -m tests.faults.kills --kills N --points --births B` prints what they did.

An episode is a venue with faults on, a home, and a row of daemons that are killed: at random moments, or at a named
point just before or just after it. Then the faults end, entries are stopped by the kill switch, and one more daemon
must bring the books and the venue together and stop in good order. `process_oracle.py` says what must hold.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from signal import SIGTERM
from tempfile import mkdtemp
from time import monotonic, sleep

import numpy as np
from attrs import define, field, frozen

from atlas_core.errors import AtlasError
from tests.faults.process_daemon import Daemon, Lab, Nursery, tail_of, wait_until
from tests.faults.process_oracle import Findings, Life, differences, judge, market_seconds

POINTS = (
    "commit session_resumed", "commit account_reconciled", "commit signal_detected", "commit order_intended",
    "commit order_moved", "commit fill_booked", "commit position_opened", "commit levels_set",
    "commit position_closed", "commit exit_decided", "commit verdict_reached", "commit alert_raised",
    "submit first byte", "submit last byte", "submit response", "event", "snapshot", "find", "cancel",
    "state lock", "lease rename", "heartbeat rename", "outbox settle",
)  # fmt: skip
FIRST_POINTS = ("migration statement", "commit run_started")
"""Points that only the making of a journal passes: an episode begins with them."""

TWICE = ("commit order_intended", "commit order_moved", "lease rename")
"""Points at which the second time differs from the first."""

FAULTS = {
    "rates": {"submit": 0.25, "cancel": 0.2, "read": 0.1}, "lost": 0.15, "doubled": 0.1, "delayed": 0.15, "cut": 0.03,
    "outages": 0.003,
}  # fmt: skip
POINT_SECONDS = 12.0
QUIET_SECONDS = 40.0
STOP_SECONDS = 45.0
STARTS = 5
LIVES_OF_AN_EPISODE = 40
LONGEST_RANDOM_LIFE = 2.5
COLD_SECONDS = 2.5
"""What a daemon that imports everything by itself lives longer."""

BIRTH_SECONDS = (0.05, 0.8)
LIVES_OF_A_BIRTH = 4
MIGRATION_STATEMENTS = 20


@frozen
class Death:
    """How a daemon is to die: after some seconds, or at a named point."""

    seconds: float = 0.0
    point: str = ""
    when: str = "before"
    nth: int = 1
    cold: bool = False


@define
class Episode:
    """One lab from its first daemon to its last."""

    lab: Lab
    lives: list[Life] = field(factory=list)
    found: Findings = field(factory=Findings)

    def run(self, deaths: Sequence[Death]) -> Findings:
        """Let daemons die so, then let one live; return what was found."""
        self.lab.admin(faults=FAULTS)
        for death in deaths:
            self._live_and_die(death)
        if not self.lab.mutant:
            self._settle()
        self.found.add(judge(self.lab, self.lives))
        return self.found

    def _live_and_die(self, death: Death) -> None:
        daemon = self.lab.start(cold=death.cold, point=death.point, when=death.when, nth=death.nth)
        limit = death.seconds or POINT_SECONDS
        with suppress(AssertionError):
            wait_until(lambda: not daemon.is_running, limit, "the daemon dies")
        is_dead = not daemon.is_running
        self._end(daemon, cold=death.cold)
        if death.point:
            reached = any(daemon.notes("point"))
            (self.found.points if reached else self.found.unreached)[f"{death.when} {death.point}"] += 1
        if daemon.process.returncode == -9:
            self.found.counts["SIGKILLs at a named point" if is_dead else "SIGKILLs at a random moment"] += 1
        else:
            self._gave_up(daemon)

    def _gave_up(self, daemon: Daemon) -> None:
        """A daemon that finds no venue at its start says so and ends; anything else is a fault."""
        code = daemon.process.returncode
        self.found.counts[f"starts that ended by themselves with exit code {code}"] += 1
        if code not in (0, 6):
            last = "\n    ".join(tail_of(self.lab.folder / "daemon.out", 25))
            self.found.wrong.append(f"a daemon ended with exit code {code}:\n    {last}")

    def _end(self, daemon: Daemon, *, cold: bool) -> None:
        daemon.kill()
        up, lab = daemon.reconciled_at(), self.lab
        if up is not None:
            (self.found.cold_recovery if cold else self.found.recovery).append(up - daemon.begun)
        point = next((note["m"] for note in daemon.notes("point")), daemon.ended)
        begun, ended = (market_seconds(lab, lab.pace.at(at)) for at in (daemon.begun, min(point, daemon.ended)))
        self.lives.append(Life(begun, None if up is None else market_seconds(lab, lab.pace.at(up)), ended))

    def _settle(self) -> None:
        """End the faults, stop entries, and wait until the books and the venue agree; then stop in good order."""
        self.lab.calm(frozen=True)
        self.lab.state.path.mkdir(parents=True, exist_ok=True)
        self.lab.state.kill_file.touch()
        daemon = self._recovered()
        began = monotonic()
        left = self._difference()
        while left and monotonic() < began + QUIET_SECONDS:
            sleep(0.1)
            left = self._difference()
        if left:
            self.found.wrong.append(f"after quiet: {'; '.join(left)}")
        self.found.converged.append((monotonic() - began) * self.lab.factor)
        daemon.signal(SIGTERM)
        code = daemon.wait(STOP_SECONDS)
        if code != 0:
            self.found.wrong.append(f"SIGTERM: expected exit code 0, was {code}")
        self._end(daemon, cold=False)

    def _recovered(self) -> Daemon:
        """Start daemons until one finds the venue, as a service manager does."""
        for _ in range(STARTS):
            daemon = self.lab.start()
            with suppress(AssertionError):
                daemon.wait_reconciled()
                return daemon
            self._end(daemon, cold=False)
            self._gave_up(daemon)
        raise AssertionError(f"none of {STARTS} daemons recovered")

    def _difference(self) -> list[str]:
        try:
            return differences(self.lab, self.lab.admin())
        except (AtlasError, OSError) as error:
            return [f"{type(error).__name__}: {error}"]


def random_deaths(count: int, seed: int, cold: float) -> list[Death]:
    """Return deaths at random moments: during the start, soon after it, or later."""
    random = np.random.default_rng([seed, 1])
    moments, is_cold = random.uniform(0.05, LONGEST_RANDOM_LIFE, count), random.random(count) < cold
    return [
        Death(seconds=float(moment) + COLD_SECONDS * bool(later), cold=bool(later))
        for moment, later in zip(moments, is_cold, strict=True)
    ]


def point_deaths(seed: int, points: Sequence[str] = POINTS, *, first: Sequence[str] = FIRST_POINTS) -> list[Death]:
    """Return one death before and one after each point, in a random order behind those of the first start."""
    random = np.random.default_rng([seed, 2])
    later = [
        Death(point=point, when=when, nth=int(random.integers(1, 3 if point in TWICE else 2)))
        for point in points
        for when in ("before", "after")
    ]
    early = [
        Death(point=point, when=when, nth=int(random.integers(1, MIGRATION_STATEMENTS)) if "migration" in point else 1)
        for point in first
        for when in ("before", "after")
    ]
    return early + [later[place] for place in random.permutation(len(later))]


def run_episode(seed: int, deaths: Sequence[Death], mutant: str = "") -> Findings:
    """Run an episode in a folder of its own, which stays when something is wrong."""
    folder = Path(mkdtemp(prefix=f"kills-{seed}-"))
    nursery = Nursery.begin(folder)
    try:
        with Lab(folder, seed=seed, holds=seed % 2 == 1, mutant=mutant, nursery=nursery) as lab:
            found = Episode(lab).run(deaths)
    except Exception as error:
        found = Findings(wrong=[f"episode {seed}: {type(error).__name__}: {error}"])
    finally:
        nursery.end()
    found.wrong = [f"{wrong} [{folder}]" for wrong in found.wrong]
    if not found.wrong:
        rmtree(folder)
    return found


def birth_deaths(seed: int) -> list[Death]:
    """Return deaths while a home is made: the first daemons of it hardly live to recover."""
    random = np.random.default_rng([seed, 3])
    return [Death(seconds=float(moment)) for moment in random.uniform(*BIRTH_SECONDS, LIVES_OF_A_BIRTH)]


def episodes(kills: int, rounds: int, births: int, seed: int, cold: float) -> Iterator[tuple[int, list[Death]]]:
    """Yield the seed and the deaths of each episode."""
    for number in range(0, kills, LIVES_OF_AN_EPISODE):
        yield seed + number, random_deaths(min(LIVES_OF_AN_EPISODE, kills - number), seed + number, cold)
    for number in range(rounds):
        yield seed + 1_000_000 + number, point_deaths(seed + number)
    for number in range(births):
        yield seed + 2_000_000 + number, birth_deaths(seed + number)


def figures(found: Findings) -> Iterator[str]:
    """Yield the figures as lines of text."""
    yield from (f"{count:8} {name}" for name, count in sorted(found.counts.items()))
    for name, values in (
        ("recovery, warm start to reconciled, s", found.recovery),
        ("recovery, cold start to reconciled, s", found.cold_recovery),
        ("position without whole stop while up, s of the market", found.naked),
        ("stops for more than the position while up, s of the market", found.surplus),
        ("books equal the venue after quiet, s of the market", found.converged),
    ):
        if values:
            p50, p99 = np.percentile(values, [50, 99])
            yield f"{name}: n {len(values)}, p50 {p50:.2f}, p99 {p99:.2f}, max {max(values):.2f}"
    for name in sorted(found.points.keys() | found.unreached.keys()):
        yield f"{found.points[name]:8} killed {name}, {found.unreached[name]} lives did not come there"
    yield f"{len(found.wrong):8} violations"
    yield from found.wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign; return 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description="Kill the real daemon")
    parser.add_argument("--kills", type=int, default=0, help="random SIGKILLs")
    parser.add_argument("--points", action="store_true", help="every named point, before and after it")
    parser.add_argument("--rounds", type=int, default=20, help="how often each point")
    parser.add_argument("--births", type=int, default=0, help="homes whose first daemons are killed while they make it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cold", type=float, default=0.1, help="share of daemons that import everything themselves")
    parser.add_argument("--parallel", type=int, default=min(2, os.cpu_count() or 1))
    given = parser.parse_args(arguments)
    begun, total = monotonic(), Findings()
    with ThreadPoolExecutor(given.parallel) as pool:
        rounds = given.rounds if given.points else 0
        work = episodes(given.kills, rounds, given.births, given.seed, given.cold)
        for found in pool.map(lambda asked: run_episode(*asked), work):
            total.add(found)
            print(f"{monotonic() - begun:7.0f} s, {sum(total.points.values())} at points, "
                  f"{total.counts['SIGKILLs at a random moment']} at random, {len(total.wrong)} violations",
                  flush=True)  # fmt: skip
            print("\n".join(found.wrong), end="", flush=True)
    print("\n".join(figures(total)))
    return 1 if total.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
