"""Tells a service manager how the process is: systemd's notification protocol, which needs no library.

Source: sd_notify(3). Without a manager every call does nothing; one that cannot be reached never harms the session.
"""

from __future__ import annotations

import os
import socket

from attrs import frozen
from loguru import logger

_MICROSECONDS = 1_000_000


@frozen
class Notifier:
    """Sends notifications to `address`, the value of `$NOTIFY_SOCKET`; empty: nobody asked for any."""

    address: str = ""

    @classmethod
    def of_environment(cls) -> Notifier:
        """Return the notifier that the service manager asked for."""
        return cls(os.environ.get("NOTIFY_SOCKET", ""))

    def ready(self, status: str) -> bool:
        """Say that the session is up: recovered, reconciled, and watching; tell whether that need not be said again."""
        return self._send(f"READY=1\nSTATUS={_line(status)}")

    def alive(self, status: str) -> None:
        """Feed the manager's watchdog."""
        self._send(f"WATCHDOG=1\nSTATUS={_line(status)}")

    def stopping(self, reason: str) -> None:
        """Say that the session stops."""
        self._send(f"STOPPING=1\nSTATUS={_line(reason)}")

    def extend_timeout(self, seconds: float) -> None:
        """Ask for more time to start or to stop."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * _MICROSECONDS)}")

    def _send(self, message: str) -> bool:
        if not self.address:
            return True
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.setblocking(False)
                channel.sendto(message.encode(), address)
        except OSError as fault:
            logger.debug("the service manager was not told: {}", fault)
            return False
        return True


def _line(text: str) -> str:
    return " ".join(text.split())
