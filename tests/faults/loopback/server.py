"""The venue as a process: `python -m tests.faults.loopback.server --pace JSON --folder DIR` serves on loopback.

HTTP with one request for each connection; bars and events are streams of JSON lines. It writes the port that it serves
on to `port`, and everything that it did, with the time, to `venue.jsonl`. It outlives the daemons that trade on it.
`POST /admin` switches its faults. It ends when its standard input does: when the test that started it is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import ROUND_DOWN
from pathlib import Path
from random import Random  # noqa: TID251  (the venue shares nothing with Atlas, and is given its seed)
from threading import Thread
from time import monotonic
from typing import Any, BinaryIO

from tests.faults.loopback.book import LOT, Book, Refused
from tests.faults.loopback.faults import FaultPlan, answer, reset, send
from tests.faults.loopback.market import MINUTE, Market
from tests.faults.loopback.pace import Pace, ScaledLoop, as_line

SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG", "HHH")
STEP_SECONDS = 5.0
HISTORY_MINUTES = 240
LOST_LINK = (ConnectionError, asyncio.IncompleteReadError, TimeoutError)


@dataclass
class Request:
    """One request, read to its end."""

    method: str
    path: str
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        """Return what faults it may meet."""
        if not self.path.startswith("/orders"):
            return "read" if self.path == "/account" else ""
        return {"POST": "submit", "DELETE": "cancel"}.get(self.method, "read")


@dataclass
class Venue:
    """The account, the market and those who listen."""

    pace: Pace
    log_file: BinaryIO
    random: Random
    holds: bool = False
    faults: FaultPlan = field(init=False)
    market: Market = field(init=False)
    book: Book = field(init=False)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    bar_readers: set[asyncio.Queue[dict[str, Any]]] = field(default_factory=set)
    event_readers: set[asyncio.Queue[dict[str, Any] | None]] = field(default_factory=set)
    server: asyncio.Server | None = None
    port: int = 0

    def __post_init__(self) -> None:
        self.faults = FaultPlan(self.random)
        start = self.pace.now()
        self.market = Market(SYMBOLS, self.random, start - HISTORY_MINUTES * MINUTE)
        for minute in range(HISTORY_MINUTES + 1):
            list(self.market.step(start - (HISTORY_MINUTES - minute) * MINUTE))
        self.book = Book(self.log, self.tell, holds=self.holds)
        for symbol in SYMBOLS:
            self.book.prices[symbol] = self.market.price(symbol)

    def log(self, kind: str, **facts: Any) -> None:
        """Add a line to the log, with the machine's monotonic time and the market's."""
        now = monotonic()
        self.log_file.write(as_line({"m": now, "t": self.pace.at(now), "kind": kind, **facts}))

    def tell(self, event: dict[str, Any]) -> None:
        """Tell an event of the account to those who listen, as the faults have it."""
        faults = self.faults
        if faults.happens(faults.lost):
            return
        times = 2 if faults.happens(faults.doubled) else 1
        wait = self.random.uniform(1, 20) if faults.happens(faults.delayed) else 0.0
        asyncio.get_running_loop().call_later(wait, self._deliver, {"ts": self.pace.now(), **event}, times)

    def _deliver(self, event: dict[str, Any], times: int) -> None:
        is_cut = self.faults.happens(self.faults.cut)
        for reader in self.event_readers:
            for _ in range(times):
                reader.put_nowait(event)
            if is_cut:
                reader.put_nowait(None)

    def own(self, work: Any) -> None:
        """Keep a task until it has ended."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # --- the market

    async def trade(self) -> None:
        """Move the market for ever."""
        while True:
            await asyncio.sleep(STEP_SECONDS)
            for bar in self.market.step(self.pace.now()):
                for reader in self.bar_readers:
                    reader.put_nowait(bar)
            for symbol in SYMBOLS:
                self.book.move(symbol, self.market.price(symbol))
            if self.faults.happens(self.faults.outages * STEP_SECONDS):
                self.own(self.outage(self.random.uniform(2, 15)))

    async def outage(self, seconds: float) -> None:
        """Let nobody connect for a while."""
        if self.server is None or not self.server.is_serving():
            return
        self.log("outage", seconds=seconds)
        self.server.close()
        await asyncio.sleep(seconds)
        await self.listen()

    async def listen(self) -> None:
        """Serve, on the port that was served before."""
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, reuse_address=True)
        self.port = self.server.sockets[0].getsockname()[1]

    # --- requests

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        with suppress(*LOST_LINK):
            request = await self._read(reader)
            if request is not None:
                await self._handle(request, writer)
        with suppress(*LOST_LINK):
            writer.close()
            await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> Request | None:
        """Read one request; None for one that broke off."""
        head = b""
        try:
            async with asyncio.timeout(60):
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode().split("\r\n")
                length = next((int(line.split(":")[1]) for line in lines if line.startswith("Content-Length")), 0)
                body = await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            self.log("torn", bytes=len(head) + len(error.partial), head=(head or error.partial)[:20].decode())
            return None
        method, path, _ = lines[0].split(" ", 2)
        return Request(method, path, json.loads(body) if body else {})

    async def _handle(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path == "/events":
            await self._stream(self.event_readers, request.path, writer)
        elif request.path == "/stream":
            await self._stream(self.bar_readers, request.path, writer)
        else:
            fault = self.faults.draw(request.kind)
            if request.kind == "submit":
                self.log("post", id=request.body.get("id"), fault=fault, **_wanted(request.body))
            elif fault:
                self.log("fault", fault=fault, on=f"{request.method} {request.path}")
            await self._answer(request, fault, writer)

    async def _answer(self, request: Request, fault: str, writer: asyncio.StreamWriter) -> None:
        if fault == "reset-before":
            reset(writer)
        elif fault == "silent-before":
            await asyncio.sleep(60)
        elif fault in ("answer-503-before", "answer-429-before"):
            writer.write(answer(int(fault[7:10]), {"error": "not now", "retry_after": 1.0}))
            await writer.drain()
        elif fault == "late-effect":
            self.own(self._later(request, self.random.uniform(1, 60)))
        else:
            status, facts = self._do(request)
            await send(writer, fault, status, facts, self.random)

    async def _later(self, request: Request, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._do(request)

    def _do(self, request: Request) -> tuple[int, Any]:
        name = request.path.rsplit("/", 1)[-1]
        match request.method, request.path.split("?")[0].split("/")[1]:
            case "GET", "account":
                return 200, self.book.account()
            case "GET", "orders":
                order = self.book.orders.get(name)
                return (404, {"error": "no such order"}) if order is None else (200, order.facts())
            case "POST", "orders":
                return self._place(request.body)
            case "DELETE", "orders":
                self.log("cancel", id=name)
                order = self.book.cancel(name)
                return (404, {"error": "no such order"}) if order is None else (200, order.facts())
            case "GET", "bars":
                return 200, self.market.bars
            case "POST", "admin":
                return 200, self._admin(request.body)
        return 404, {"error": "no such place"}

    def _place(self, asked: dict[str, Any]) -> tuple[int, Any]:
        try:
            order, is_new = self.book.place(asked)
        except Refused as reason:
            self.log("refused", id=asked.get("id"), reason=str(reason))
            return 422, {"refused": str(reason)}
        if is_new and order.kind == "market":
            self.own(self._fill(order.id))
        return (201 if is_new else 409), order.facts()

    async def _fill(self, name: str) -> None:
        """Fill a market order: most of the time soon and whole, else in two parts."""
        await asyncio.sleep(self.random.uniform(0.05, 1.0))
        if self.faults.happens(self.faults.partial):
            part = (self.book.orders[name].quantity / 2).quantize(LOT, ROUND_DOWN)
            if part:
                self.book.fill(name, part)
                await asyncio.sleep(self.random.uniform(0.5, 8.0))
        self.book.fill(name)

    def _admin(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.log("admin", **asked)
        self.faults.set(asked.get("faults", {}))
        self.market.is_frozen = bool(asked.get("frozen", self.market.is_frozen))
        for name in asked.get("cancel", ()):
            self.book.cancel(name)
        return self.book.account()

    async def _stream(self, readers: set[Any], path: str, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        writer.write(f"HTTP/1.1 200 {path}\r\nContent-Type: application/x-ndjson\r\n\r\n".encode())
        readers.add(queue)
        try:
            while True:
                fact = await queue.get()
                if fact is None:
                    reset(writer)
                    return
                writer.write(as_line(fact))
                await writer.drain()
        finally:
            readers.discard(queue)


def _wanted(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body.get(name, "") for name in ("signal", "role", "attempt", "symbol")}


async def run(venue: Venue, folder: Path) -> None:
    """Serve until the process ends."""
    await venue.listen()
    aside = folder / ".port"
    aside.write_text(str(venue.port))
    os.replace(aside, folder / "port")
    await venue.trade()


def _end_with_the_test() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the venue."""
    parser = argparse.ArgumentParser(description="A venue on loopback")
    parser.add_argument("--pace", required=True, type=Pace.of)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--holds", action="store_true")
    given = parser.parse_args(arguments)
    Thread(target=_end_with_the_test, daemon=True).start()
    with (given.folder / "venue.jsonl").open("ab", buffering=0) as log_file:
        loop = ScaledLoop(given.pace.factor)
        asyncio.set_event_loop(loop)

        async def serve() -> None:
            await run(Venue(given.pace, log_file, Random(given.seed), given.holds), given.folder)

        loop.run_until_complete(serve())


if __name__ == "__main__":
    main()
