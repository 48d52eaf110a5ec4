"""Which runs of the schedule have happened: written before a run begins, so that none happens twice."""

from __future__ import annotations

from attrs import frozen

from atlas_core.control.file import ControlFile

RUNNING, DONE = "running", "done"


@frozen(kw_only=True)
class ScheduledRun:
    """One run of a job; times are nanoseconds UTC, `status` is `running`, `done` or why it was left out or failed."""

    job: str
    date: str
    slot: str
    due: int
    began_at: int
    ended_at: int | None
    status: str


@frozen
class ScheduleLedger:
    """The runs of a control file, keyed by (job, local date, slot)."""

    file: ControlFile

    def claim(self, key: tuple[str, str, str], due: int, now: int, status: str = RUNNING) -> bool:
        """Take a slot, for a run or to note why it was left out; False when it has been taken before."""
        return bool(
            self.file.write(
                "INSERT INTO schedule_run (job, date, slot, due, began_at, status) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (*key, due, now, status),
            )
        )

    def finish(self, key: tuple[str, str, str], status: str, now: int) -> None:
        """Say how a run ended."""
        self.file.write(
            "UPDATE schedule_run SET status = ?, ended_at = ? WHERE job = ? AND date = ? AND slot = ?",
            (status, now, *key),
        )

    def latest(self, job: str | None = None, count: int = 10) -> tuple[ScheduledRun, ...]:
        """Return the newest runs, of one job or of all."""
        where, values = ("", ()) if job is None else ("WHERE job = ?", (job,))
        rows = self.file.read(
            "SELECT job, date, slot, due, began_at, ended_at, status FROM schedule_run "  # noqa: S608  (our own texts)
            f"{where} ORDER BY due DESC LIMIT ?",
            (*values, count),
        )
        names = ("job", "date", "slot", "due", "began_at", "ended_at", "status")
        return tuple(ScheduledRun(**dict(zip(names, row, strict=True))) for row in rows)
