"""The alerter `log`: alerts as lines of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_core import Alert, Alerter, Severity

if TYPE_CHECKING:
    from atlas_core import Context


class LogAlerter(Alerter):
    """Writes every alert to the log of the run, at the level of its severity."""

    def __init__(self, context: Context) -> None:
        log = context.log
        self._write = {Severity.INFO: log.info, Severity.WARNING: log.warning, Severity.CRITICAL: log.error}

    async def open(self) -> None:
        """Need nothing."""

    async def close(self) -> None:
        """Hold nothing."""

    async def send(self, alert: Alert) -> None:
        """Write one line."""
        text = f"{alert.title}: {alert.text}" if alert.text else alert.title
        # The text is an argument, because braces in it are no placeholders.
        self._write[alert.severity]("{}", text)
