"""What surrounds a session, in virtual time: heartbeat, commands, signals, timed ends, and stops that hang."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from atlas_core.control.beat import read_heartbeat
from atlas_core.control.file import ControlFile
from atlas_core.control.inbox import DONE, REFUSED, TAKEN, Inbox, Request
from atlas_core.control.kill_switch import EntryPermit, KillSwitch
from atlas_core.errors import SessionFailed
from atlas_core.model.timeframe import MINUTE, SECOND
from atlas_core.runs import Mode, RunSummary
from atlas_core.runtime.ending import Ending
from atlas_core.runtime.heart import Heart, Vitals
from atlas_core.runtime.host import STOP_SECONDS, Host, News
from atlas_core.runtime.notify import Notifier
from atlas_core.runtime.progress import ProgressBoard
from atlas_core.runtime.schedule import Job
from atlas_core.runtime.supervisor import Supervisor, TaskFailure
from atlas_core.statedir import StateDirectory
from atlas_core.testing.virtual_time import VirtualClock, run_virtual
from tests.memory import START

SUMMARY: Any = "the summary of the session"


@define(eq=False)
class FakeSession:
    """A session of 15 minutes that does what it is told; one that `hangs` does not stop when it is asked to."""

    tasks: Supervisor
    hangs: bool = False
    commands: list[tuple[str, dict[str, Any]]] = field(factory=list)
    news: list[News] = field(factory=list)
    reasons: list[str] = field(factory=list)
    stuck: bool = False
    recovers_for: float = 0.0
    held: list[str] = field(factory=list)
    looked: bool = False
    stopped: asyncio.Event = field(factory=asyncio.Event)

    async def run(self) -> RunSummary:
        if not self.hangs:
            self.reasons.append("began")
        try:
            await asyncio.wait_for(asyncio.Event().wait() if self.hangs else self.stopped.wait(), 900)
        except TimeoutError:
            self.reasons.append("end of data")
        return SUMMARY  # type: ignore[no-any-return]

    def request_stop(self, reason: str) -> None:
        self.reasons.append(reason)
        self.stopped.set()

    def command(self, name: str, actor: str, arguments: dict[str, Any]) -> None:
        self.commands.append((f"{actor} {name}", arguments))

    def pulse(self, done: Callable[[], None]) -> None:
        if not self.stuck:
            done()

    def when_written(self, done: Callable[[], None]) -> None:
        self.pulse(done)

    def is_ready(self) -> bool:
        return asyncio.get_running_loop().time() >= self.recovers_for

    def vitals(self) -> Vitals:
        return Vitals(open_positions=2)

    def open_symbols(self) -> list[str]:
        return ["X", "Y"]

    def has_looked(self) -> bool:
        return self.looked

    def left_open(self, ts: int) -> list[str]:
        assert ts <= START + 900 * SECOND
        return self.held

    def report(self, news: News) -> None:
        self.news.append(news)


@define(eq=False)
class Bench:
    """A host on a virtual loop, and what a test may move."""

    host: Host
    session: FakeSession
    state: StateDirectory
    wall: VirtualClock
    inbox: Inbox
    caught: list[Callable[[str], None]]

    def signal(self, name: str) -> None:
        """Send a signal to the process."""
        self.caught[0](name)

    async def ask(self, name: str, **arguments: Any) -> Request:
        """Send a command and return it a second later."""
        sent = self.inbox.send(f"{name}-{self.wall.now()}", name, arguments, "cli:ann", self.wall.now())
        await asyncio.sleep(1)
        return self.inbox.request(sent.id)


def play(
    home: Path,
    script: Callable[[Bench], Any] | None = None,
    *,
    ending: Ending | None = None,
    hangs: bool = False,
    safe_mode: str = "",
    news: tuple[News, ...] = (),
    told: Callable[[], None] = lambda: None,
    opening: float = 0.0,
    closings: Job | None = None,
    start: int = START,
    recovers_for: float = 0.0,
    notifier: Notifier | None = None,
    held: Sequence[str] = (),
) -> tuple[object, FakeSession, float]:
    """Run a host beside a script; return how it ended, its session, and after how many seconds.

    The session takes `opening` seconds until it is made; a signal then comes after half of them.
    """
    caught: list[Callable[[str], None]] = []
    failures: list[TaskFailure] = []

    @contextmanager
    def catch(tell: Callable[[str], None]) -> Iterator[None]:
        caught.append(tell)
        yield

    async def main() -> tuple[object, FakeSession, float]:
        loop = asyncio.get_running_loop()
        state = StateDirectory.of(home, "demo", Mode.PAPER)
        state.make()
        wall = VirtualClock(loop, start)
        permit = EntryPermit(KillSwitch(state.kill_file), safe_mode)
        heart = Heart(state, ProgressBoard(loop.time), permit, notifier or Notifier(), wall, wall)
        made: list[FakeSession] = []

        async def run(host: Host) -> RunSummary:
            if opening:
                loop.call_later(opening / 2, lambda: caught[0]("SIGTERM"))
                await asyncio.sleep(opening)
            async with Supervisor(random=lambda: 0.0, on_failure=failures.append) as own:
                session = FakeSession(own, hangs, recovers_for=recovers_for, held=list(held))
                made.append(session)
                host.attach(session)
                bench = Bench(host, session, state, wall, Inbox(control), caught)
                if script is not None:
                    own.own("script", lambda: script(bench))
                return await session.run()

        outcome: object
        with ControlFile(state.control) as control:
            host = Host(heart, control, permit, wall, wall, ending or Ending(), catch, news, told, closings)
            try:
                outcome = await host.run(run(host))
            except (KeyboardInterrupt, SessionFailed) as fault:
                outcome = fault
        session = made[0] if made else FakeSession(Supervisor(lambda: 0.0, failures.append))
        return outcome, session, loop.time()

    result = run_virtual(main())
    for failure in failures:  # an assertion in a script is one
        raise failure.error
    return result


def test_a_session_that_nobody_touches_runs_to_its_end_and_beats(tmp_path: Path) -> None:
    outcome, session, seconds = play(tmp_path)
    assert (outcome, session.reasons, seconds) == (SUMMARY, ["began", "end of data"], 900)
    beat = read_heartbeat(StateDirectory.of(tmp_path, "demo", Mode.PAPER).heartbeat)
    assert beat is not None
    assert (beat.sequence, beat.open_positions, beat.written_at) == (451, 2, START + 900 * SECOND)
    assert beat.progress.keys() == {"heart", "inbox", "session"}


@pytest.mark.parametrize(
    ("ending", "seconds", "reason"),
    [
        (Ending(seconds=600), 600, "the time of the session is over"),
        (Ending(at=START + 7 * MINUTE), 420, "the time to end has come"),
    ],
)
def test_a_timed_session_stops_by_itself(tmp_path: Path, ending: Ending, seconds: float, reason: str) -> None:
    outcome, session, taken = play(tmp_path, ending=ending)
    assert (outcome, session.reasons, taken) == (SUMMARY, ["began", reason], seconds)


def test_once_stops_when_what_the_first_scan_found_has_left(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(30)
        bench.host.heart.board.note("scan", bench.wall.now())
        await asyncio.sleep(60)
        bench.session.looked = True

    _outcome, session, seconds = play(tmp_path, script, ending=Ending(once=True))
    assert session.reasons == ["began", "once"]
    assert 90 <= seconds < 91


def test_the_first_signal_stops_in_good_order_and_freezes_entries(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(5)
        bench.signal("SIGTERM")
        assert bench.host.permit.refusal() == "stopping: SIGTERM"
        bench.host.stop("asked again")

    outcome, session, seconds = play(tmp_path, script)
    assert (outcome, session.reasons, seconds) == (SUMMARY, ["began", "SIGTERM"], 5)


@pytest.mark.parametrize("is_stopping", [False, True], ids=["while it runs", "while a stop is on its way"])
def test_the_second_signal_ends_at_once_and_the_first_does_not(tmp_path: Path, is_stopping: bool) -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(5)
        if is_stopping:
            bench.host.stop("the time of the session is over")
        bench.signal("SIGINT")
        await asyncio.sleep(2)
        bench.signal("SIGINT")

    outcome, _session, seconds = play(tmp_path, script, hangs=True)
    assert isinstance(outcome, KeyboardInterrupt)
    assert seconds == 7


def test_a_stop_that_hangs_is_cut_off_after_thirty_seconds(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(5)
        bench.signal("SIGTERM")

    outcome, _session, seconds = play(tmp_path, script, hangs=True)
    assert isinstance(outcome, SessionFailed)
    assert "did not stop within 30 s (SIGTERM)" in str(outcome)
    assert seconds == 5 + STOP_SECONDS


def test_commands_reach_the_session_and_are_answered(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        paused = await bench.ask("pause", reason="lunch")
        assert (paused.status, paused.answer[:20]) == (DONE, "entries are stopped,")
        assert (await bench.ask("close", symbol="X")).answer == "closing X at the market"
        assert (await bench.ask("close", all=True)).answer == "closing X, Y at the market"
        assert (await bench.ask("resume")).answer == "entries are allowed again"
        assert (await bench.ask("ack", key="disk")).answer == "alerts about disk are not repeated"
        assert (await bench.ask("stop", reason="enough")).status == DONE

    _outcome, session, _seconds = play(tmp_path, script)
    assert session.commands == [
        ("cli:ann halt", {"reason": "lunch"}),
        ("cli:ann close", {"symbol": "X", "reason": "closed by a person"}),
        ("cli:ann close", {"symbol": "X", "reason": "closed by a person"}),
        ("cli:ann close", {"symbol": "Y", "reason": "closed by a person"}),
        ("cli:ann resume", {"reason": "resumed by a person"}),
        ("cli:ann acknowledge", {"key": "disk"}),
    ]
    assert session.reasons == ["began", "stopped by cli:ann: enough"]


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("close", {"symbol": "Z"}, "expected a symbol with a position (X, Y), was 'Z'"),
        ("close", {}, "close: expected a symbol or --all"),
        ("close", {"symbol": "X", "all": True}, "close: expected a symbol or --all"),
        ("close", {"symbol": 7}, "close: expected a text for symbol, was 7"),
        ("kill", {}, "kill: expected reason, was missing"),
        ("pause", {"force": "x"}, "pause: expected reason, was force"),
        ("status", {}, "expected one of close, pause, resume, kill, ack, stop, was 'status'"),
        ("format-disk", {}, "expected one of close, pause, resume, kill, ack, stop, was 'format-disk'"),
        ("pause", {"reason": "a\nb"}, "pause: expected at most 500 printable signs for reason, were 3"),
    ],
)
def test_what_cannot_be_done_is_refused_with_why(
    tmp_path: Path, name: str, arguments: dict[str, Any], reason: str
) -> None:
    async def script(bench: Bench) -> None:
        answered = await bench.ask(name, **arguments)
        assert (answered.status, answered.answer) == (REFUSED, reason)
        bench.host.stop("enough")

    _outcome, session, _seconds = play(tmp_path, script)
    assert session.commands == []


def test_a_file_that_appears_kills_and_is_journalled_once(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(5)
        bench.state.kill_file.touch()
        assert bench.host.permit.refusal().startswith("kill switch")
        await asyncio.sleep(60)
        refused = await bench.ask("resume")
        assert refused.status == REFUSED
        assert "atlas resume --after-kill --reason TEXT" in refused.answer
        assert (await bench.ask("resume", after_kill=True)).answer.startswith("resume: expected a reason")
        cleared = await bench.ask("resume", after_kill=True, reason="checked by hand")
        assert cleared.answer.startswith("entries are allowed again; cleared: killed by a file")
        assert not bench.state.kill_file.exists()
        bench.host.stop("enough")

    _outcome, session, _seconds = play(tmp_path, script)
    assert session.commands == [
        ("a file halt", {"reason": "kill switch: a file KILL was put there"}),
        ("cli:ann resume", {"reason": "checked by hand"}),
    ]


def test_a_command_is_answered_when_the_session_has_taken_it_and_a_stop_at_once(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(5)
        bench.session.stuck = True
        assert (await bench.ask("pause")).status == TAKEN
        assert (await bench.ask("stop")).status == DONE

    play(tmp_path, script)


def test_a_file_that_comes_back_right_after_it_was_cleared_kills_again(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(5)
        bench.state.kill_file.touch()
        await asyncio.sleep(5)
        arguments = {"after_kill": True, "reason": "checked by hand"}
        sent = bench.inbox.send("again", "resume", arguments, "cli:ann", bench.wall.now())
        while not bench.inbox.request(sent.id).is_answered:
            await asyncio.sleep(0.01)
        bench.state.kill_file.touch()
        await asyncio.sleep(5)
        bench.host.stop("enough")

    _outcome, session, _seconds = play(tmp_path, script)
    assert [name for name, _ in session.commands] == ["a file halt", "cli:ann resume", "a file halt"]


def test_the_kill_command_leaves_the_file_for_every_later_start_and_may_flatten(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        answered = await bench.ask("kill", reason="smoke", flatten=True)
        assert "every position is being closed" in answered.answer
        await asyncio.sleep(30)
        bench.host.stop("enough")

    _outcome, session, _seconds = play(tmp_path, script)
    assert session.commands == [
        ("cli:ann halt", {"reason": "kill switch: smoke"}),
        ("cli:ann wind-down", {"reason": "smoke", "close_positions": True}),
    ]

    async def restarted(bench: Bench) -> None:
        assert bench.host.permit.refusal().startswith("kill switch: killed by cli:ann")
        await asyncio.sleep(1)
        bench.host.stop("enough")

    _outcome, session, _seconds = play(tmp_path, restarted)
    assert session.commands == [("cli:ann halt", {"reason": "kill switch: smoke"})]


def test_a_person_ends_safe_mode(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        assert bench.host.permit.refusal() == "safe mode: 5 crashes"
        assert (await bench.ask("resume", reason="fixed")).answer.endswith("left safe mode (5 crashes)")
        assert bench.host.permit.refusal() == ""
        bench.host.stop("enough")

    play(tmp_path, script, safe_mode="5 crashes")


def test_a_clock_that_is_set_is_an_alert(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(10)
        bench.wall.step(-3600 * SECOND)
        await asyncio.sleep(10)
        bench.host.stop("enough")

    _outcome, session, _seconds = play(tmp_path, script)
    [news] = session.news
    assert (news.subject, news.text) == ("the machine's clock", "was set by -3600.0 s")


def test_safe_mode_is_in_the_journal_before_anything_else(tmp_path: Path) -> None:
    _outcome, session, _seconds = play(tmp_path, safe_mode="5 crashes", ending=Ending(seconds=5))
    assert session.commands == [("safe mode halt", {"reason": "5 crashes"})]


def test_news_are_told_when_the_session_begins_and_forgotten_when_they_are_in_its_journal(tmp_path: Path) -> None:
    news = News(subject="the process before", text="went down", policy="recovered")
    forgotten: list[int] = []
    _outcome, session, _seconds = play(
        tmp_path, news=(news,), told=lambda: forgotten.append(1), ending=Ending(seconds=5)
    )
    assert (session.news, forgotten) == ([news], [1])


def test_a_signal_before_the_session_is_made_ends_it_at_once(tmp_path: Path) -> None:
    outcome, session, seconds = play(tmp_path, opening=10)
    assert isinstance(outcome, KeyboardInterrupt)
    assert (session.reasons, seconds) == ([], 5)


def test_a_session_that_makes_no_turns_is_late_although_the_heart_beats(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(5)
        bench.session.stuck = True
        await asyncio.sleep(62)
        late = bench.host.heart.board.late()
        assert list(late) == ["session"]
        beat = read_heartbeat(bench.state.heartbeat)
        assert beat is not None
        assert list(beat.late) == ["session"]
        bench.host.stop("enough")

    play(tmp_path, script)


def test_a_service_manager_that_could_not_be_told_is_told_later_that_the_session_is_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.setblocking(False)

        async def script(bench: Bench) -> None:
            await asyncio.sleep(5)
            manager.bind(str(tmp_path / "n"))

        play(tmp_path, script, ending=Ending(seconds=7), notifier=Notifier(str(tmp_path / "n")))
        assert manager.recv(1000).startswith(b"READY=1\n")


def test_a_service_manager_is_asked_for_time_while_the_session_recovers_and_told_when_it_is_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "n"))
        manager.setblocking(False)
        play(tmp_path, recovers_for=3, ending=Ending(seconds=7), notifier=Notifier(str(tmp_path / "n")))
        told = [manager.recv(1000).decode().split("\n")[0] for _ in range(5)]
    assert told == ["EXTEND_TIMEOUT_USEC=60000000"] * 2 + ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_a_session_goes_on_when_its_commands_cannot_be_read(tmp_path: Path) -> None:
    async def script(bench: Bench) -> None:
        await asyncio.sleep(5)
        bench.host.control.write("DROP TABLE command")
        await asyncio.sleep(60)
        assert not bench.host.heart.board.late()
        bench.host.stop("enough")

    outcome, _session, seconds = play(tmp_path, script)
    assert (outcome, seconds) == (SUMMARY, 65)
