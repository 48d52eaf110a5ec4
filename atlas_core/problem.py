"""One thing that is wrong with what a person wrote, with its address."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Problem:
    """One thing that is wrong: where it stands, what was expected, what it was, and maybe what to do.

    `suggestion` is the last clause of the sentence, such as `did you mean max_positions?`.
    """

    message: str
    table: str = ""
    key: str = ""
    file: str = ""
    line: int | None = None
    suggestion: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        head = " ".join(part for part in (place, self.table and f"[{self.table}]", self.key) if part)
        tail = f"; {self.suggestion}" if self.suggestion else ""
        return f"{head}: {self.message}{tail}" if head else f"{self.message}{tail}"
