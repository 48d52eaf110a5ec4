"""What can go wrong on the wire of the venue: which fault a request meets, and how it looks in bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass, field
from random import Random  # noqa: TID251  (the venue shares nothing with Atlas, and is given its seed)
from typing import Any

BEFORE = ("reset-before", "answer-503-before", "answer-429-before", "silent-before")
"""Faults at which nothing was done."""

AFTER = (
    "drop-before-status", "drop-in-header", "drop-in-body", "body-without-close", "reset-after", "answer-504-after",
    "slow-answer", "silent-after", "late-effect",
)  # fmt: skip
"""Faults at which the request has its effect, now or (`late-effect`) some time later."""

EVERY = (*BEFORE, *AFTER)
REASONS = {200: "OK", 201: "Created", 404: "Not Found", 409: "Conflict", 422: "Unprocessable", 429: "Too Many Requests",
           503: "Service Unavailable", 504: "Gateway Timeout"}  # fmt: skip


@dataclass
class FaultPlan:
    """`rates` are the shares of requests of a kind (`submit`, `cancel`, `read`) that meet a fault; `only` names them.

    Of the events of the stream `lost`, `doubled` and `delayed` are told wrong; `cut` is the share of them after which
    the stream breaks. `outages` is the share of seconds that begin some seconds without anybody who listens.
    """

    random: Random
    rates: dict[str, float] = field(default_factory=dict)
    only: tuple[str, ...] = EVERY
    lost: float = 0.0
    doubled: float = 0.0
    delayed: float = 0.0
    cut: float = 0.0
    outages: float = 0.0
    partial: float = 0.3

    def set(self, facts: dict[str, Any]) -> None:
        """Change some of it."""
        for name, value in facts.items():
            setattr(self, name, tuple(value) if name == "only" else value)

    def draw(self, kind: str) -> str:
        """Return the fault that a request meets, or nothing."""
        return self.random.choice(self.only) if self.happens(self.rates.get(kind, 0.0)) else ""

    def happens(self, share: float) -> bool:
        """Tell whether something of this share happens now."""
        return share > 0 and self.random.random() < share


def answer(status: int, facts: Any, *, with_length: bool = True) -> bytes:
    """Return a whole response."""
    body = json.dumps(facts).encode()
    length = f"Content-Length: {len(body)}\r\n" if with_length else ""
    head = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n{length}Connection: close\r\n\r\n"
    return head.encode() + body


async def send(writer: asyncio.StreamWriter, fault: str, status: int, facts: Any, random: Random) -> None:
    """Answer a request whose effect is done, as the fault has it."""
    whole = answer(status, facts, with_length=fault != "body-without-close")
    head = whole.index(b"\r\n\r\n")
    cuts = {"drop-before-status": 0, "drop-in-header": head // 2, "drop-in-body": (head + 4 + len(whole)) // 2}
    if fault == "reset-after":
        reset(writer)
        return
    if fault == "answer-504-after":
        whole = answer(504, {"error": "the gateway gave up"})
    if fault == "slow-answer":
        await asyncio.sleep(random.uniform(1, 12))
    if fault == "silent-after":
        await asyncio.sleep(60)
        return
    writer.write(whole[: cuts.get(fault, len(whole))])
    await writer.drain()
    if fault == "body-without-close":
        await asyncio.sleep(60)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
