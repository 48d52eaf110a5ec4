"""Results of checks, kept below a home so that the reports of runs of the same profile can tell them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen
from loguru import logger

from atlas_core import __version__
from atlas_core.profile import Profile
from atlas_core.report.evidence import Check, CheckState, made_of_code
from atlas_core.report.provenance import code_of, data_digest, data_rows
from atlas_core.report.writing import when
from atlas_core.statedir import write_json

if TYPE_CHECKING:  # every back-test looks at what is kept, and needs none of what checks a profile
    from atlas_core.checking.findings import LookaheadReport
    from atlas_core.checking.market import RecordedMarket
    from atlas_core.checking.parity import ParityReport
    from atlas_core.checking.warmup import WarmupReport

LOOKAHEAD, WARMUP, PARITY = "look-ahead", "warm-up", "parity"
COMMANDS = {LOOKAHEAD: "atlas check lookahead", WARMUP: "atlas check warmup", PARITY: "atlas parity"}
_FOLDER = "checks"
_DIGITS = 16


@frozen(kw_only=True)
class KeptCheck:
    """One result: what was checked (digests of profile and data, code as text), when, and what was found in words.

    `begins` and `ends` are the span of the market (nanoseconds UTC). `is_enough`: there was something in which a fault
    could have been found.
    """

    name: str
    profile: str
    code: str
    data: str
    begins: int
    ends: int
    made_at: int
    is_clean: bool
    told: str
    is_enough: bool = True


def code_now(profile: Profile) -> str:
    """Return what tells the code of a profile from that of other times, as text."""
    return made_of_code({"made_of": {"code": code_of(profile)}}, __version__)


def keep_check(
    home: Path,
    profile: Profile,
    market: RecordedMarket,
    report: LookaheadReport | WarmupReport | ParityReport,
    made_at: int,
    *,
    code: str,
) -> None:
    """Keep the result of a check, in the place of an earlier one of the same; a disk that refuses is only logged.

    `code` is that of the begin of the check (`code_now`): sources may be edited while it goes on.
    """
    name, is_clean, told = _told(report)
    kept = KeptCheck(
        name=name, profile=profile.digest, code=code, data=data_digest(data_rows(market.all_bars)),
        begins=market.start, ends=market.end, made_at=made_at, is_clean=is_clean, told=told,
        is_enough=_is_enough(report),
    )  # fmt: skip
    folder = _folder(home, profile.digest)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"{name}-{kept.data[:_DIGITS]}.json", asdict(kept))
    except OSError as fault:
        logger.warning("the result is not kept for reports: {}", fault)


def kept_checks(home: Path, profile_digest: str) -> tuple[KeptCheck, ...]:
    """Return what is known of a profile, the earliest first; a file that cannot be read is left out."""
    found = (_read(path) for path in _folder(home, profile_digest).glob("*.json"))
    return tuple(sorted((kept for kept in found if kept is not None), key=lambda kept: kept.made_at))


def checks_of(kept: Sequence[KeptCheck], *, code: str, data: str, arguments: str) -> tuple[Check, ...]:
    """Return every check as a run with this code on these data tells it; `arguments` are those of the commands."""
    return tuple(
        _check(name, [one for one in kept if one.name == name], code, data, f"{command} {arguments}")
        for name, command in COMMANDS.items()
    )


def _check(name: str, kept: Sequence[KeptCheck], code: str, data: str, command: str) -> Check:
    of_code = [one for one in kept if code and one.code == code]
    same_code = [one for one in of_code if one.is_enough or not one.is_clean]
    same = [one for one in same_code if data and one.data == data]
    if same:
        state = CheckState.OK if same[-1].is_clean else CheckState.FAILED
        return Check(name=name, state=state, command=command, told=same[-1].told, made_at=same[-1].made_at)
    if same_code:
        last = same_code[-1]
        ok = CheckState.OK_ELSEWHERE if data else CheckState.OK_BEFORE
        failed = CheckState.FAILED_ELSEWHERE if data else CheckState.FAILED_BEFORE
        state = ok if last.is_clean else failed
        told = f"{last.told}; on bars from {when(last.begins)} to {when(last.ends)}"
        return Check(name=name, state=state, command=command, told=told, made_at=last.made_at)
    if of_code:
        last = of_code[-1]
        return Check(name=name, state=CheckState.TOO_LITTLE, command=command, told=last.told, made_at=last.made_at)
    why = "the code is another than" if code else "the run does not tell its code, which may be another than"
    told = f"{why} when it was checked, {when(kept[-1].made_at)}" if kept else ""
    return Check(name=name, state=CheckState.NOT_CHECKED, command=command, told=told)


def _told(report: LookaheadReport | WarmupReport | ParityReport) -> tuple[str, bool, str]:
    """Return the name of a check, whether it found nothing, and what it did and found."""
    from atlas_core.checking.findings import LookaheadReport
    from atlas_core.checking.warmup import WarmupReport

    if isinstance(report, LookaheadReport):
        answers = sum(part.compared for part in report.components)
        did = f"{answers:,} answers held against {report.scans:,} scans and {report.runs:,} runs without their future"
        wrong = [part.component for part in report.components if part.findings]
        found = f"{', '.join(wrong)}: {len(report.findings):,} findings" if wrong else "nothing depends on the future"
        return LOOKAHEAD, report.is_clean, f"{found}; {did}"
    if isinstance(report, WarmupReport):
        return WARMUP, report.is_clean, _told_of_warmup(report)
    decisions = sum(count.same for count in report.counts)
    return PARITY, report.is_equal, (
        f"all {decisions:,} decisions of the back-test are those of a session" if report.is_equal
        else f"{len(report.roots):,} decisions differ from those of a session"
    )  # fmt: skip


def _is_enough(report: LookaheadReport | WarmupReport | ParityReport) -> bool:
    """Tell whether a check had something to compare; a need with too few bars leaves the warm-up open."""
    from atlas_core.checking.findings import LookaheadReport
    from atlas_core.checking.warmup import UNKNOWN, WarmupReport

    if isinstance(report, LookaheadReport):
        return any(part.compared for part in report.components)
    if isinstance(report, WarmupReport):
        return all(need.verdict != UNKNOWN for need in report.needs)
    return any(count.same for count in report.counts)


def _told_of_warmup(report: WarmupReport) -> str:
    from atlas_core.checking.warmup import NEVER, OK, TOO_SHORT, UNKNOWN

    by_verdict = {
        verdict: [f"{need.component} on {need.timeframe}" for need in report.needs if need.verdict == verdict]
        for verdict in (OK, TOO_SHORT, NEVER, UNKNOWN)
    }
    late = [*by_verdict[TOO_SHORT], *by_verdict[NEVER], *(found.component for found in report.findings)]
    told = f"too late: {', '.join(late)}" if late else "all that is declared suffices"
    unknown = by_verdict[UNKNOWN]
    return f"{told}; too few bars to tell: {', '.join(unknown)}" if unknown else told


def _folder(home: Path, profile_digest: str) -> Path:
    return home / _FOLDER / profile_digest[:_DIGITS]


def _read(path: Path) -> KeptCheck | None:
    try:
        facts: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return KeptCheck(**facts)
    except (OSError, ValueError, TypeError) as fault:
        logger.warning("{} is left out: {}", path, fault)
        return None
