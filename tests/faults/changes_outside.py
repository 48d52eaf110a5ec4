"""Changes of what the client makes of the outside beside its venue: prices, people, and what it tells people."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from atlas_core.control.kill_switch import KillSwitch
from atlas_core.engine import signals
from atlas_core.engine.limits import LimitDesk
from atlas_core.model.orders import Order, OrderRole
from atlas_core.runtime import price_stream
from atlas_core.runtime.face import SessionFace
from atlas_core.runtime.gateway import OrderGateway
from atlas_core.runtime.mailbag import Mailbag, Message
from atlas_core.runtime.operator import Operator
from atlas_core.runtime.outbox import Outbox, Postman
from atlas_core.runtime.plausibility import PlausiblePrices
from atlas_core.runtime.price_stream import PriceStream
from atlas_core.runtime.reception import Reception
from tests.faults.changing import Change, false, nothing, swap, true, without_limit, wrap

# --- prices


def _touched(trigger_price: Any) -> Any:
    def at_the_level(signal: Any, low: Decimal, high: Decimal, _tick: Decimal) -> Any:
        return trigger_price(signal, low, high, Decimal(0))

    return at_the_level


def _fresh(seen: Any) -> Any:
    return lambda self, symbol, _ts: seen(self, symbol, self.recorder.now)


async def _unheard(*_: Any) -> None:
    """Hear nothing of a price."""


def _permit_all(denial: Any) -> Any:
    return lambda self, order: denial(self, order) or self.permit(order)


def _never_resumed(command: Any) -> Any:
    def other(self: SessionFace, name: str, actor: str, arguments: dict[str, Any]) -> None:
        if name != "resume":
            command(self, name, actor, arguments)

    return other


# --- what people are told, and what must not wait for it


def _dropped(_failed: Any) -> Any:
    def forget(self: Mailbag, message: Message, *_: Any, **__: Any) -> list[Any]:
        for letter in message.letters:
            self._waiting.pop(letter.identity, None)
        return []

    return forget


def _as_told(self: Postman, message: Message, _error: BaseException) -> None:
    self.note(self.bag.delivered(message, asyncio.get_running_loop().time()))
    self.settle()


def _slowly(send: Any) -> Any:
    async def other(self: OrderGateway, order: Order) -> None:
        if order.role is not OrderRole.ENTRY:
            await asyncio.sleep(12)
        await send(self, order)

    return other


OUTSIDE: dict[str, Change] = {
    "alarms not posted": swap(Outbox, "_post", nothing),
    "alarms forgotten at restart": swap(Outbox, "reload", nothing),
    "alarms that failed are dropped": wrap(Mailbag, "failed", _dropped),
    "alarms that failed count as told": swap(Postman, "_failed", _as_told),
    "exits leave late": wrap(OrderGateway, "_send", _slowly),
    "data may be old": without_limit("stale_data_seconds"),
    "late bars are fresh": wrap(LimitDesk, "seen", _fresh),
    "a touch takes the trigger": wrap(signals, "trigger_price", _touched),
    "streamed prices unheard": swap(PriceStream, "_take", _unheard),
    "old prices count": swap(price_stream, "OLDEST_STREAMED", 10**18),
    "prices in any order": swap(PriceStream, "_disorder", lambda *_: ""),
    "wild prices count": swap(PlausiblePrices, "believes", true),
    "kill file unread": swap(KillSwitch, "is_engaged", property(false)),
    "kill not told to the session": swap(Operator, "notice_kill", nothing),
    "inbox unread": swap(Reception, "_obey", nothing),
    "exits stop at a kill": wrap(OrderGateway, "_denial", _permit_all),
    "release keeps the halt": wrap(SessionFace, "command", _never_resumed),
}
