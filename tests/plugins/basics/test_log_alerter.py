"""The alerter `log`: one line at the level of the alert."""

from __future__ import annotations

import asyncio

import pytest
from attrs import field, frozen

from atlas_basics.plugin import atlas_alerters
from atlas_core import Alert, Context, NoOptions, Severity, SimClock


@frozen
class Lines:
    """A log that keeps what it is told."""

    kept: list[tuple[str, str]] = field(factory=list)

    def debug(self, message: str, *args: object) -> None:
        self.kept.append(("debug", message.format(*args)))

    def info(self, message: str, *args: object) -> None:
        self.kept.append(("info", message.format(*args)))

    def warning(self, message: str, *args: object) -> None:
        self.kept.append(("warning", message.format(*args)))

    def error(self, message: str, *args: object) -> None:
        self.kept.append(("error", message.format(*args)))


def lines_after(*alerts: Alert) -> list[tuple[str, str]]:
    log = Lines()
    context = Context(label="log", clock=SimClock(), log=log, random=None, share=None)  # type: ignore[arg-type]
    (component,) = atlas_alerters()
    alerter = component.factory(NoOptions(), context)

    async def deliver() -> None:
        await alerter.close()
        await alerter.open()
        for alert in alerts:
            await alerter.send(alert)
        await alerter.close()
        await alerter.close()

    asyncio.run(deliver())
    return log.kept


@pytest.mark.parametrize(
    ("severity", "level"), [(Severity.INFO, "info"), (Severity.WARNING, "warning"), (Severity.CRITICAL, "error")]
)
def test_an_alert_is_one_line_at_its_level(severity: Severity, level: str) -> None:
    alert = Alert(ts=0, severity=severity, title="feed lost", text="BTC/USD is 90 s old")
    assert lines_after(alert) == [(level, "feed lost: BTC/USD is 90 s old")]


def test_braces_in_an_alert_are_text() -> None:
    assert lines_after(Alert(ts=0, severity=Severity.INFO, title="{oops} {0}")) == [("info", "{oops} {0}")]
