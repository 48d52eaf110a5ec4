"""The oracle on its own: it must be right before it may judge."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.chance import Chance
from tests.faults.trace import Trace
from tests.faults.venue import Personality, Refusal, Request, Venue

ORACLE = ("venue", "market", "chance", "trace")
JUDGES = ("books", "checking", "checks_orders", "checks_state", "checks_people", "checks_prices", "coverage")
PERP = Personality("perp")
SPOT = Personality("spot", holds=True, reduce_only=False, holds_for=10.0)


class Scene:
    """A venue in which a test moves time and price."""

    def __init__(self, personality: Personality = PERP, price: int = 10_000) -> None:
        self.at = 0
        self.trace = Trace(lambda: self.at)
        self.venue = Venue(personality, Chance(1).stream("venue"), self.trace, lambda: self.at, 1_000_000)
        self.venue.move("X", price)
        self.told: list[str] = []
        self.venue.listeners.append(lambda what, order: self.told.append(f"{what} {order.request.client_id}"))

    def buy(self, name: str, quantity: int = 100, **more: object) -> None:
        self.venue.place(Request(client_id=name, symbol="X", sign=1, kind="market", quantity=quantity, **more))  # type: ignore[arg-type]

    def sell(self, name: str, quantity: int = 100, kind: str = "market", **more: object) -> None:
        self.venue.place(Request(client_id=name, symbol="X", sign=-1, kind=kind, quantity=quantity, **more))  # type: ignore[arg-type]

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.trace]


def test_a_market_order_fills_near_the_price_and_pays_its_fee() -> None:
    scene = Scene()
    scene.buy("a")
    order = scene.venue.by_client["a"]
    assert order.status == "filled"
    assert 10_000 * 100 <= order.cost <= 10_002 * 100
    assert order.fee == -(-order.cost * 5 // 10_000)
    assert scene.venue.held("X") == 100
    assert scene.venue.equity() == 1_000_000 - order.cost + 100 * 10_000 - order.fee


def test_a_stop_waits_for_its_price_and_is_hit_by_a_gap() -> None:
    scene = Scene()
    scene.buy("a")
    scene.sell("s", kind="stop", stop=9_900, reduce_only=True)
    scene.venue.move("X", 9_901)
    assert scene.venue.by_client["s"].status == "working"
    scene.venue.move("X", 9_500)
    order = scene.venue.by_client["s"]
    assert order.status == "filled"
    assert order.cost <= 9_500 * 100
    assert scene.venue.held("X") == 0


def test_a_limit_fills_at_its_price_only_when_the_market_is_there() -> None:
    scene = Scene()
    scene.buy("a")
    scene.sell("t", kind="limit", limit=10_100, reduce_only=True)
    scene.venue.move("X", 10_099)
    assert scene.venue.by_client["t"].filled == 0
    scene.venue.move("X", 10_300)
    assert scene.venue.by_client["t"].cost == 10_100 * 100


def test_an_order_that_may_only_reduce_never_turns_the_position() -> None:
    scene = Scene(Personality("perp", cancels_when_flat=False))
    scene.buy("a")
    scene.sell("s", kind="stop", stop=9_900, quantity=150, reduce_only=True)
    scene.venue.move("X", 9_800)
    assert scene.venue.held("X") == 0
    assert scene.venue.by_client["s"].status == "canceled"
    with pytest.raises(Refusal, match="nothing to reduce"):
        scene.sell("e", reduce_only=True)


def test_what_only_reduces_is_withdrawn_when_the_position_is_gone() -> None:
    scene = Scene()
    scene.buy("a")
    scene.sell("s", kind="stop", stop=9_900, reduce_only=True)
    scene.sell("e", reduce_only=True)
    assert scene.venue.by_client["s"].status == "canceled"
    assert scene.told[-1] == "canceled s"


@pytest.mark.parametrize(("same_id", "orders"), [("refused", 1), ("returned", 1), ("accepted", 2)])
def test_a_second_order_of_one_identity_is_refused_returned_or_taken(same_id: str, orders: int) -> None:
    scene = Scene(Personality("perp", same_id=same_id))
    scene.buy("a")
    if same_id == "refused":
        with pytest.raises(Refusal, match="unique"):
            scene.buy("a")
    else:
        scene.buy("a")
    assert scene.kinds().count("accepted") == orders
    assert scene.venue.held("X") == 100 * orders


def test_what_a_stop_sells_is_held_and_for_a_while_after_its_cancel_too() -> None:
    scene = Scene(SPOT)
    scene.buy("a")
    scene.sell("s", kind="stop", stop=9_900)
    with pytest.raises(Refusal, match="available 0"):
        scene.sell("e")
    scene.venue.cancel("s")
    with pytest.raises(Refusal, match="insufficient"):
        scene.sell("e")
    scene.at = 11 * 10**9
    scene.sell("e")
    assert scene.venue.held("X") == 0


def test_nothing_can_be_sold_short_where_quantities_are_held() -> None:
    with pytest.raises(Refusal, match="insufficient"):
        Scene(SPOT).sell("e")


def test_fills_come_in_parts_and_add_up() -> None:
    scene = Scene(Personality("perp", parts=4))
    for number in range(6):
        scene.buy(f"a{number}")
    scene.at = 60 * 10**9
    scene.venue.settle()
    assert scene.venue.held("X") == 600
    assert all(order.filled == 100 and order.status == "filled" for order in scene.venue.orders)
    assert scene.kinds().count("fill") > 6


def test_more_than_was_ordered_or_less_can_be_filled() -> None:
    scene = Scene()
    scene.venue.place(Request(client_id="o", symbol="X", sign=1, kind="market", quantity=100), overfill=7)
    assert scene.venue.by_client["o"].filled == 107
    scene.venue.place(Request(client_id="c", symbol="X", sign=1, kind="market", quantity=100), cuts_short=True)
    assert (scene.venue.by_client["c"].filled, scene.venue.by_client["c"].status) == (50, "canceled")


def test_a_late_read_sees_the_past() -> None:
    scene = Scene()
    scene.at = 5
    scene.buy("a")
    order = scene.venue.by_client["a"]
    assert order.as_of(4) is None
    assert order.as_of(5) == ("filled", 100, order.cost, order.fee)
    assert scene.venue.held_as_of("X", 4) == (0, 0)
    assert scene.venue.held_as_of("X", 9) == (100, order.cost)


def test_a_liquidation_closes_everything_by_force() -> None:
    scene = Scene()
    forced: list[tuple[str, int, int, int]] = []
    scene.venue.forced.append(lambda *what: forced.append(what))
    scene.buy("a")
    scene.venue.liquidate("X")
    assert scene.venue.held("X") == 0
    assert forced[0][:2] == ("X", 100)


def test_equity_is_exact_over_many_trades() -> None:
    scene = Scene()
    chance = Chance(3).stream("test")
    for number in range(200):
        scene.venue.move("X", 10_000 + chance.randrange(-200, 200))
        sign = chance.choice((1, -1))
        quantity = chance.randrange(1, 50)
        scene.venue.place(Request(client_id=f"o{number}", symbol="X", sign=sign, kind="market", quantity=quantity))
    paid = sum(order.request.sign * order.cost + order.fee for order in scene.venue.orders)
    held = sum(order.request.sign * order.filled for order in scene.venue.orders)
    assert scene.venue.held("X") == held
    assert scene.venue.equity() == 1_000_000 - paid + held * scene.venue.prices["X"]


def test_a_closed_venue_takes_nothing_and_triggers_nothing() -> None:
    scene = Scene()
    scene.buy("a")
    scene.sell("s", kind="stop", stop=9_900, reduce_only=True)
    scene.venue.is_closed = True
    scene.venue.move("X", 9_000)
    assert scene.venue.by_client["s"].status == "working"
    with pytest.raises(Refusal, match="closed"):
        scene.buy("b")


def test_oracle_and_judges_share_nothing_with_the_client_but_the_words_of_its_model() -> None:
    own = tuple(f"tests.faults.{name}" for name in (*ORACLE, *JUDGES))
    for name in (*ORACLE, *JUDGES):
        tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
        froms = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        of_ours = [module for module in (*froms, *plain) if module.startswith(("atlas", "tests", "plugins"))]
        assert [m for m in of_ours if m not in own and not m.startswith("atlas_core.model")] == [], name
    assert "atlas" not in (Path(__file__).parent / "venue.py").read_text(encoding="utf-8")
