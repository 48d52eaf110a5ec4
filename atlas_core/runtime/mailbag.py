"""What one alerter is told, and when: repeats are folded, storms become a digest, the critical comes first.

Nothing here does I/O or knows the time: every method is told `now` in seconds of any clock that only moves forward.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import chain

from attrs import define, evolve, field, frozen

from atlas_core.journal import DeliveryState
from atlas_core.model.decisions import Alert, Severity

WINDOW_SECONDS = 60.0
DIGEST_LINES = 10
REMEMBERED = 1_000
LONGEST_REPEAT_SECONDS = 4 * 3_600.0
MOST_COPIES = 10
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
MOST_UNCLEAR = 5
MOST_WAITING = 1_000
MOST_FOLDED = 1_000

Identity = tuple[Severity, str, str]


@frozen(kw_only=True)
class MailRules:
    """What the profile says about alerts; times in seconds, a `repeat_critical` of 0 is never."""

    most_per_minute: int = 10
    digest_every: float = 60.0
    fold_within: float = 300.0
    repeat_critical: float = 900.0


@define(eq=False)
class Letter:
    """An alert and its repeats: `seqs` are their events, `count` those that were not told, `copies` the tellings.

    What is settled is told once and not again.
    """

    alert: Alert
    seqs: list[int]
    due_at: float
    count: int = 1
    attempts: int = 0
    unclear: int = 0
    copies: int = 0
    is_handed_over: bool = False
    is_settled: bool = False

    @property
    def identity(self) -> Identity:
        """Return what repeats have in common."""
        return self.alert.severity, self.alert.title, self.alert.key

    @property
    def is_critical(self) -> bool:
        """Tell whether this comes before everything else."""
        return self.alert.severity is Severity.CRITICAL

    @property
    def is_news(self) -> bool:
        """Tell whether it holds anything that was not told yet."""
        return self.count > 0

    def fold(self, alert: Alert, seq: int) -> None:
        """Add a repeat: its words replace the earlier ones."""
        self.alert = alert
        self.seqs.append(seq)
        self.count += 1
        self.is_settled = False

    def worded(self) -> Alert:
        """Return the message of this letter alone."""
        if not self.is_news:
            return evolve(self.alert, text=f"{self.alert.text} (told before, nobody has acknowledged it)".strip())
        if self.count == 1:
            return self.alert
        return evolve(self.alert, text=f"{self.alert.text} ({self.count} times)".strip())


@frozen(eq=False)
class Message:
    """One message on its way: the letters in it, how many alerts of each it tells, and how it reads."""

    letters: tuple[Letter, ...]
    alert: Alert
    counts: tuple[int, ...] = field(init=False)

    @counts.default
    def _counts(self) -> tuple[int, ...]:
        return tuple(letter.count for letter in self.letters)

    @property
    def is_critical(self) -> bool:
        """Tell whether a critical alert is in it."""
        return any(letter.is_critical for letter in self.letters)


@frozen(kw_only=True)
class Note:
    """What became of some alerts, for the journal; `wait` (seconds) is the time until one is told again."""

    seqs: tuple[int, ...]
    state: DeliveryState
    attempts: int = 0
    wait: float = 0.0
    error: str = ""


@define(eq=False)
class Mailbag:
    """What waits for one alerter.

    At most `most_per_minute` messages leave in any minute. The last of them is kept for a digest of everything that
    waits, and half of them for what is critical, so that no storm can hold back an alarm. It holds so many letters and
    no more; what it could not take waits in the journal, and `has_overflowed` says so.
    """

    rules: MailRules
    has_overflowed: bool = False
    _waiting: OrderedDict[Identity, Letter] = field(factory=OrderedDict)
    _told_at: OrderedDict[Identity, float] = field(factory=OrderedDict)
    _sent: deque[tuple[float, bool]] = field(factory=deque)
    _digest_at: float = float("-inf")
    _silent_until: float = float("-inf")
    _failures: int = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def news(self) -> list[Letter]:
        """Return what waits and was not told yet."""
        return [letter for letter in self._waiting.values() if letter.is_news]

    @property
    def has_news(self) -> bool:
        """Tell whether anything waits that was not told yet."""
        return bool(self.news)

    def seqs(self) -> set[int]:
        """Return the events of all alerts that wait here."""
        return {seq for letter in self._waiting.values() for seq in letter.seqs}

    def put(self, alert: Alert, seq: int, now: float) -> list[Note]:
        """Take an alert in, or fold it into one that waits.

        A message that all is well again ends the repeats of the critical ones about the same thing.
        """
        notes = self.settle(alert.key) if alert.severity is Severity.INFO and alert.key else []
        identity = (alert.severity, alert.title, alert.key)
        due_at = max(now, self._told_at.get(identity, float("-inf")) + self.rules.fold_within)
        letter = self._waiting.get(identity)
        if letter is not None:
            letter.fold(alert, seq)
            letter.due_at = min(letter.due_at, due_at)
            if len(letter.seqs) > MOST_FOLDED:
                notes.append(_note(letter, letter.seqs[:-1], DeliveryState.DIGESTED))
                letter.seqs = letter.seqs[-1:]
        elif self._has_room_for(alert):
            self._waiting[identity] = Letter(alert, [seq], due_at)
        return notes

    def put_told(self, alert: Alert, seq: int, due_at: float, copies: int) -> None:
        """Take in a critical alert that an earlier process has told and nobody has acknowledged."""
        letter = Letter(alert, [seq], due_at, count=0, copies=copies, attempts=copies)
        if letter.identity in self._waiting:
            self._waiting[letter.identity].seqs.insert(0, seq)
        else:
            self._waiting[letter.identity] = letter

    def acknowledge(self, key: str = "") -> list[Note]:
        """End the repeats of what was told already, or has probably arrived, about `key` or about everything."""
        told = [letter for letter in self._waiting.values() if not letter.is_news or letter.unclear >= MOST_UNCLEAR]
        return self._end([letter for letter in told if not key or letter.alert.key == key])

    def settle(self, key: str) -> list[Note]:
        """End the repeats about `key`, which is over: what has certainly arrived is not told again, the rest once."""
        over = [letter for letter in self._waiting.values() if letter.alert.key == key]
        for letter in over:
            letter.is_settled = True
        return self._end([letter for letter in over if not letter.is_news])

    def take(self, now: float, *, closing: bool = False) -> Message | None:
        """Return what is to be sent now, if anything.

        While `closing`, everything that is news leaves, the folded repeats included.
        """
        if now < self._silent_until and not closing:
            return None
        due = [letter for letter in self._waiting.values() if (letter.is_news if closing else letter.due_at <= now)]
        critical = [letter for letter in due if letter.is_critical]
        first, left = critical or (due if closing else []), self._left(now)
        if first and (left > 1 or (left == 1 and len(due) == 1)):
            return Message((first[0],), first[0].worded())
        if first and (left == 1 or closing):
            return self._digest(due, now)
        return self._take_quiet(due, now) if due and not first else None

    def next_time(self, now: float) -> float | None:
        """Return when `take` may have something again, None for never without a new alert."""
        if not self._waiting:
            return None
        at = max(self._silent_until, min([letter.due_at for letter in self._waiting.values()]))
        if at > now:
            return at
        frees = [self._sent[0][0] + WINDOW_SECONDS] if self._sent else []
        changes = [at for at in (*frees, self._digest_at + self.rules.digest_every) if at > now]
        return min(changes, default=now + FIRST_WAIT)

    def delivered(self, message: Message, now: float) -> list[Note]:
        """Note that a message arrived. Critical letters stay, to be told again until somebody acknowledges them."""
        self._count(message, now)
        self._failures = 0
        is_alone = len(message.letters) == 1
        return [
            note
            for letter, count in zip(message.letters, message.counts, strict=True)
            for note in self._told(letter, count, now, is_alone=is_alone)
        ]

    def failed(self, message: Message, now: float, share: float, error: str, *, is_unclear: bool) -> list[Note]:
        """Note that a message did not arrive, or (`is_unclear`) perhaps did.

        The alerter is left alone for `share` (0 to 1) of a wait that doubles, up to a minute. A message of which five
        copies may have arrived is not sent a sixth time, unless it is critical: an alarm too often is better than none.
        """
        self._count(message, now, has_arrived=False)
        self._silent_until = now + share * min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self._failures, 32))
        self._failures += 1
        notes = []
        for letter in message.letters:
            letter.unclear += is_unclear
            if letter.unclear >= MOST_UNCLEAR and not letter.is_critical:
                self._waiting.pop(letter.identity, None)
                notes.append(_note(letter, letter.seqs, DeliveryState.ABANDONED, error=error))
        if not notes and len(message.letters) == 1:
            notes.append(_note(message.letters[0], message.letters[0].seqs[-1:], DeliveryState.WAITING, error=error))
        return notes

    def _end(self, letters: list[Letter]) -> list[Note]:
        for letter in letters:
            del self._waiting[letter.identity]
        return [_note(letter, letter.seqs, DeliveryState.DELIVERED) for letter in letters]

    def _has_room_for(self, alert: Alert) -> bool:
        """Make room for what is critical by sending back what is not, or was told; note what is left to the journal."""
        if len(self._waiting) < MOST_WAITING:
            return True
        self.has_overflowed = True
        if alert.severity is not Severity.CRITICAL:
            return False
        letters = list(reversed(self._waiting.values()))
        quiet = (letter for letter in letters if not letter.is_critical)
        told = (letter for letter in letters if not letter.is_news)
        least = next(chain(quiet, told), None)
        if least is None:
            return False
        del self._waiting[least.identity]
        return True

    def _told(self, letter: Letter, count: int, now: float, *, is_alone: bool) -> list[Note]:
        """Take what was told out of a letter; what was folded in while the message was on its way stays news."""
        if count:  # a reminder of what was told long ago keeps nothing new waiting
            self._remember(letter.identity, now)
        letter.copies += 1
        letter.count -= count
        letter.unclear = 0
        told = letter.seqs[: len(letter.seqs) - letter.count]
        if letter.is_news:
            letter.seqs = letter.seqs[len(told) :]
            letter.due_at = now + self.rules.fold_within
            return [_note(letter, told, DeliveryState.DIGESTED)]
        last = DeliveryState.DELIVERED if is_alone else DeliveryState.DIGESTED
        if not self._repeats(letter):
            self._waiting.pop(letter.identity, None)
            return [_note(letter, told[:-1], DeliveryState.DIGESTED), _note(letter, told[-1:], last)]
        wait = min(LONGEST_REPEAT_SECONDS, self.rules.repeat_critical * 2.0 ** (letter.copies - 1))
        letter.seqs, letter.due_at = told[-1:], now + wait
        return [
            _note(letter, told[:-1], DeliveryState.DIGESTED),
            _note(letter, told[-1:], DeliveryState.WAITING, wait=wait),
        ]

    def _take_quiet(self, due: list[Letter], now: float) -> Message | None:
        """Choose among alerts that are not critical: one by one while few wait, together when many do."""
        sent = sum(is_quiet for _, is_quiet in self._sent)
        quota = min(self._left(now) - 1, max(1, self.rules.most_per_minute // 2) - sent)
        if quota > 1 or (quota == 1 and len(due) == 1):
            return Message((due[0],), due[0].worded())
        if quota == 1 and now >= self._digest_at + self.rules.digest_every:
            return self._digest(due, now)
        return None

    def _digest(self, due: list[Letter], now: float) -> Message:
        if len(due) == 1:
            return Message((due[0],), due[0].worded())
        self._digest_at = now
        ordered = sorted(due, key=lambda letter: -_RANK[letter.alert.severity])
        lines = [_line(letter) for letter in ordered[:DIGEST_LINES]]
        if len(ordered) > DIGEST_LINES:
            lines.append(f"and {len(ordered) - DIGEST_LINES} more, all of them in the journal")
        title = f"{sum(max(1, letter.count) for letter in due)} alerts"
        newest = max(letter.alert.ts for letter in due)
        severity = ordered[0].alert.severity
        return Message(
            tuple(due), Alert(ts=newest, severity=severity, title=title, text="\n".join(lines), key="digest")
        )

    def _left(self, now: float) -> int:
        """Return how many messages may still leave within this minute."""
        while self._sent and now - self._sent[0][0] >= WINDOW_SECONDS:
            self._sent.popleft()
        return self.rules.most_per_minute - len(self._sent)

    def _count(self, message: Message, now: float, *, has_arrived: bool = True) -> None:
        """Count a sending; only what arrived uses up the share of what is not critical."""
        self._sent.append((now, has_arrived and not message.is_critical))
        for letter in message.letters:
            letter.attempts += 1

    def _repeats(self, letter: Letter) -> bool:
        is_open = letter.is_critical and not letter.is_settled
        return is_open and self.rules.repeat_critical > 0 and letter.copies < MOST_COPIES

    def _remember(self, identity: Identity, now: float) -> None:
        self._told_at[identity] = now
        self._told_at.move_to_end(identity)
        while len(self._told_at) > REMEMBERED:
            self._told_at.popitem(last=False)


_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


def is_at_least(severity: Severity, lowest: Severity) -> bool:
    """Tell whether a severity reaches another."""
    return _RANK[severity] >= _RANK[lowest]


def _note(letter: Letter, seqs: list[int], state: DeliveryState, wait: float = 0.0, error: str = "") -> Note:
    return Note(seqs=tuple(seqs), state=state, attempts=letter.attempts, wait=wait, error=error)


def _line(letter: Letter) -> str:
    alert = letter.alert
    about = f" ({alert.key})" if alert.key and alert.key not in alert.title else ""
    times = f" ({letter.count} times)" if letter.count > 1 else ""
    return f"{alert.severity}: {alert.title}{about}{times}"
