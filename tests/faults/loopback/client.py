"""The wire of the venue as its plugin speaks it: a deadline on every step, and never a second try by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from attrs import define

from atlas_core import AuthFailed, NotSent, OrderRefused, Throttled, VenueError

CONNECT_SECONDS, TOTAL_SECONDS, HISTORY_SECONDS = 5.0, 7.5, 60.0
Reach = Callable[[str, str], None]


def nowhere(_name: str, _when: str) -> None:
    """Pass a named point."""


@define
class Wire:
    """Requests to the venue; `reach` is told the named points of a submit that are passed."""

    port: int
    reach: Reach = nowhere

    async def read(self, path: str) -> tuple[int, Any]:
        """Ask; raises VenueError when there is no whole answer."""
        return await self._asked("GET", path, None)

    async def delete(self, path: str) -> tuple[int, Any]:
        """Ask to delete; raises VenueError when there is no whole answer."""
        return await self._asked("DELETE", path, None)

    async def submit(self, path: str, facts: dict[str, Any]) -> None:
        """Send an order once; raises NotSent, OrderRefused, Throttled, AuthFailed, or VenueError for all unclear."""
        status, answer = await self._asked("POST", path, facts)
        if status in (200, 201, 409):
            return
        if status == 422 and isinstance(answer, dict) and "refused" in answer:
            raise OrderRefused(str(answer["refused"]))
        _expect_done(status, answer)

    async def lines(self, path: str) -> AsyncIterator[Any]:
        """Yield the lines of a stream; raises VenueError when it ends."""
        reader, writer = await self._connect()
        try:
            writer.write(_head("GET", path, b""))
            await writer.drain()
            async with asyncio.timeout(TOTAL_SECONDS):
                await reader.readuntil(b"\r\n\r\n")
            while line := await reader.readline():
                yield json.loads(line)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            raise VenueError(f"{path}: the stream broke: {error!r}") from error
        finally:
            writer.close()
        raise VenueError(f"{path}: the stream ended")

    async def _asked(self, method: str, path: str, facts: dict[str, Any] | None) -> tuple[int, Any]:
        reader, writer = await self._connect()
        try:
            async with asyncio.timeout(HISTORY_SECONDS if path == "/bars" else TOTAL_SECONDS):
                await self._send(writer, method, path, facts)
                status, answer = await self._answer(reader, is_submit=method == "POST")
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            raise VenueError(f"{method} {path}: no whole answer: {error!r}") from error
        finally:
            writer.close()
        if method != "POST":
            _expect_done(status, answer, and_also=(404,))
        return status, answer

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        except (OSError, TimeoutError) as error:
            raise NotSent(f"nobody could be reached: {error!r}") from error

    async def _send(self, writer: asyncio.StreamWriter, method: str, path: str, facts: dict[str, Any] | None) -> None:
        body = b"" if facts is None else json.dumps(facts).encode()
        whole = _head(method, path, body) + body
        if method != "POST":
            writer.write(whole)
            await writer.drain()
            return
        for part, name in ((whole[:1], "submit first byte"), (whole[1:-1], ""), (whole[-1:], "submit last byte")):
            if name:
                self.reach(name, "before")
            writer.write(part)
            await writer.drain()
            if name:
                self.reach(name, "after")

    async def _answer(self, reader: asyncio.StreamReader, *, is_submit: bool) -> tuple[int, Any]:
        if is_submit:
            self.reach("submit response", "before")
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("Content-Length")), -1)
        body = await (reader.read() if length < 0 else reader.readexactly(length))
        if is_submit:
            self.reach("submit response", "after")
        return int(head.split(" ", 2)[1]), json.loads(body)


def _head(method: str, path: str, body: bytes) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: loopback\r\nContent-Length: {len(body)}\r\n\r\n".encode()


def _expect_done(status: int, answer: Any, and_also: tuple[int, ...] = ()) -> None:
    """Raise what a status means that is no success."""
    if status in (401, 403):
        raise AuthFailed(f"status {status}")
    if status == 429:
        raise Throttled(f"status {status}", float(answer.get("retry_after", 0)) if isinstance(answer, dict) else 0.0)
    if status not in (200, 201, *and_also):
        raise VenueError(f"status {status}: {answer}")
