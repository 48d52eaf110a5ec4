"""What Atlas raises, each class with the exit code that the command line ends with.

AtlasError                      1   something failed
├── UsageError                  2   the command line asks for something that does not exist
├── ProfileError                3   a profile has problems; it carries all of them
├── PluginError                 3   a plugin cannot be used
│   └── MissingExtra            3   its SDK is not installed; says which extra installs it
├── DataError                   4   market data is missing, dirty or ambiguous
├── JournalError                4   the journal cannot be trusted
│   ├── JournalCorrupt          4   the hash chain or a projection does not hold
│   ├── JournalFull             4   the disk takes no more; nothing was kept, the same may be tried again
│   ├── JournalLocked           4   another program holds the file; nothing was kept, try again
│   ├── JournalFailed           4   the disk failed; only what is read again from it may be believed
│   └── JournalTooNew           3   written by a newer Atlas
├── NotFound                    5   no such run, trade, signal or key
├── VenueError                  6   a venue or the network
│   ├── NotReady                6   try again later, with back-off
│   ├── AuthFailed              6   never retried
│   ├── OrderRefused            6   the venue said no to an order: proof that nothing of it was done
│   ├── NotSent                 6   not one byte of the request left this machine
│   ├── Throttled               6   too many requests; says how long to wait
│   └── Unsupported             6   the venue does not offer this
├── SafetyStop                  7   a safety limit ended the run
├── SessionFailed               1   a task that a session cannot live without failed; a restart recovers
├── AlreadyRunning              9   another process runs this profile, or trades on this account
├── ContractError               1   a component broke its contract
│   └── ComponentHung           1   it did not answer in its time
└── EngineError                 1   an internal invariant does not hold
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_core.problem import Problem


class AtlasError(Exception):
    """Base of everything that Atlas raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(AtlasError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class ProfileError(AtlasError):
    """A profile has problems; `problems` holds every one of them with its address."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PluginError(AtlasError):
    """A plugin cannot be used."""

    exit_code = 3


class MissingExtra(PluginError):
    """A component's SDK is not installed."""

    def __init__(self, what: str, modules: Sequence[str], remedy: str) -> None:
        self.modules = tuple(modules)
        self.remedy = remedy
        super().__init__(f"{what} needs {', '.join(modules)}, not installed here; {remedy}")


class DataError(AtlasError):
    """Market data is missing, dirty or ambiguous."""

    exit_code = 4


class JournalError(AtlasError):
    """The journal cannot be trusted or written."""

    exit_code = 4


class JournalCorrupt(JournalError):
    """The hash chain is broken or a projection differs from its events."""


class JournalFull(JournalError):
    """The disk takes no more (it is full, or a quota is); nothing was kept, and the same may be tried again."""


class JournalLocked(JournalError):
    """Another program holds the file; nothing was kept, and the same may be tried again."""


class JournalFailed(JournalError):
    """The disk failed, or failed to confirm: what is on it is unknown until the file was closed and verified."""


class JournalTooNew(JournalError):
    """The journal was written by a newer Atlas."""

    exit_code = 3


class NotFound(AtlasError):
    """There is no such run, trade, signal or key."""

    exit_code = 5


class VenueError(AtlasError):
    """A venue or the network failed."""

    exit_code = 6


class NotReady(VenueError):
    """The venue is not ready; try again with back-off."""


class AuthFailed(VenueError):
    """The venue refused the credential; never retried."""


class OrderRefused(VenueError):
    """The venue refused an order for good: proof that nothing of it was done or will be."""


class NotSent(VenueError):
    """Not one byte of the request left this machine, so it may be sent again with the same identity."""


class Throttled(VenueError):
    """The venue asks for fewer requests; nothing of this one was done. `retry_after` is in seconds, 0 for unknown."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Unsupported(VenueError):
    """The venue does not offer what was asked."""


class SafetyStop(AtlasError):
    """A safety limit ended the run."""

    exit_code = 7


class SessionFailed(AtlasError):
    """A task that a session cannot live without failed for good; started again, the session recovers."""


class AlreadyRunning(AtlasError):
    """Another process runs this profile, or trades on this account; the message names it."""

    exit_code = 9


class ContractError(AtlasError):
    """A component broke its contract; the message names it."""


class ComponentHung(ContractError):
    """A component did not answer within its deadline."""


class EngineError(AtlasError):
    """An internal invariant of the engine does not hold."""


_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "no answer in time"),
    (ConnectionError, "the connection broke"),
    (MemoryError, "there is no memory left"),
    (BaseException, "it says nothing more"),
)


def cause_of(error: BaseException) -> str:
    """Return what was raised as people are told it: its class, and its text or, where it has none, what that means."""
    text = str(error) if str(error).strip() else next(text for kind, text in _CAUSES if isinstance(error, kind))
    return f"{type(error).__name__}: {text}"
