from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.errors import ContractError
from atlas_core.model.instrument import Instrument
from atlas_core.model.signals import (
    COLUMNS,
    FOREVER,
    EntryKind,
    Side,
    Signal,
    SignalTable,
    concat_signals,
    no_signals,
    signal_key,
    signal_table,
)

PRICES = ("trigger", "stop", "target", "cancel_beyond", "void_beyond")


def table(**changes: Any) -> SignalTable:
    columns: dict[str, Any] = {
        "available_at": [10, 20], "setup_at": [5, 15], "symbol": "X", "timeframe": "15m", "pattern": "p", "side": 1,
    }  # fmt: skip
    return signal_table(**(columns | changes))


def one(**changes: Any) -> SignalTable:
    return table(**({"available_at": [10], "setup_at": [5]} | changes))


def signal(**changes: Any) -> Signal:
    return one(entry="stop", **changes).signal(0, "profile", "scanner", Instrument("X"))


def test_a_scalar_is_repeated_for_every_row() -> None:
    both = table(symbol=["X", "Y"], side=-1, entry=EntryKind.STOP, stop=9.5, context={"bars": 3})
    assert both.side.tolist() == [-1, -1]
    assert both.symbol.tolist() == ["X", "Y"]
    assert both.entry.tolist() == ["stop", "stop"]
    assert both.stop.tolist() == [9.5, 9.5]
    assert both.context["bars"].tolist() == [3, 3]


def test_columns_that_are_left_out_are_neutral() -> None:
    both = table()
    assert both.entry.tolist() == ["market", "market"]
    assert both.valid_until.tolist() == [FOREVER, FOREVER]
    assert both.score.tolist() == [0.0, 0.0]
    assert all(np.isnan(getattr(both, name)).all() for name in PRICES)
    assert both.context == {}


def test_an_unknown_column_is_refused_by_its_name() -> None:
    with pytest.raises(ContractError, match=r"unknown columns \['stoploss'\], missing columns \[\]"):
        table(stoploss=1.0)


def test_missing_columns_are_refused_by_their_names() -> None:
    with pytest.raises(ContractError, match=r"missing columns \['symbol', 'timeframe', 'pattern', 'side'\]"):
        signal_table(available_at=[1], setup_at=[1])


def test_a_column_of_another_length_is_refused_by_its_name() -> None:
    with pytest.raises(ContractError, match=r"signal table: .*stop"):
        table(stop=[1.0, 2.0, 3.0])


@pytest.mark.parametrize("name", ["stop", "symbol"])
def test_a_table_made_of_columns_of_different_lengths_is_refused(name: str) -> None:
    columns = {column: getattr(table(), column) for column in COLUMNS}
    columns[name] = columns[name][:1]
    with pytest.raises(ContractError, match=f"expected 2 rows in every column, differ in {name}$"):
        SignalTable(**columns)


def test_a_context_column_of_another_length_is_refused() -> None:
    columns = {column: getattr(table(), column) for column in COLUMNS}
    with pytest.raises(ContractError, match=r"differ in volume_ratio$"):
        SignalTable(**columns, context={"volume_ratio": np.array([1.0])})


@pytest.mark.parametrize("side", [0, 2, -2])
def test_a_side_is_plus_or_minus_one(side: int) -> None:
    with pytest.raises(ContractError, match="sides of \\+1 or -1, row 1 has none"):
        table(side=[1, side])


def test_an_entry_is_one_of_the_kinds_there_are() -> None:
    assert table(entry=list(EntryKind)[:2]).entry.tolist() == ["market", "stop"]
    with pytest.raises(ContractError, match="entries of market, stop, limit, row 1 has none"):
        table(entry=["stop", "Stop"])


def test_a_setup_is_not_later_than_the_time_it_was_known() -> None:
    assert table(setup_at=[10, 20]).setup_at.tolist() == [10, 20]
    with pytest.raises(ContractError, match=r"setups that are not later .*, row 0 has none"):
        table(setup_at=[11, 20])


@pytest.mark.parametrize("name", PRICES)
@pytest.mark.parametrize("price", [np.inf, -np.inf])
def test_an_infinite_price_is_refused(name: str, price: float) -> None:
    with pytest.raises(ContractError, match=f"a finite {name} or NaN, row 1 has none"):
        table(**{name: [np.nan, price]})


@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_a_score_that_no_journal_could_hold_is_refused(score: float) -> None:
    with pytest.raises(ContractError, match="score"):
        table(score=[0.5, score])


def test_nobody_can_write_to_a_column() -> None:
    both = table(context={"bars": [1, 2]})
    for name in COLUMNS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(both, name)[0] = getattr(both, name)[1]


def test_rows_are_taken_by_index_or_by_mask_with_their_context() -> None:
    both = table(score=[0.1, 0.2], context={"bars": [3, 4]})
    for rows in (np.array([1]), np.array([False, True])):
        taken = both.take(rows)
        assert (taken.available_at.tolist(), taken.score.tolist()) == ([20], [0.2])
        assert taken.context["bars"].tolist() == [4]
    assert len(both.take(np.zeros(2, dtype=bool))) == 0


@given(st.lists(st.integers(0, 5), max_size=20))
def test_sorting_by_time_keeps_the_scanners_order_within_an_instant(times: list[int]) -> None:
    numbers = list(range(len(times)))
    mixed = table(available_at=times, setup_at=0, score=[float(n) for n in numbers], context={"row": numbers})
    in_order = sorted(numbers, key=lambda row: times[row])
    assert mixed.sorted().score.tolist() == in_order
    assert mixed.sorted().context["row"].tolist() == in_order


def test_no_signals_is_a_table_without_rows() -> None:
    assert len(no_signals()) == len(concat_signals([])) == len(concat_signals([no_signals(), no_signals()])) == 0


def test_tables_are_joined_in_the_order_of_time() -> None:
    joined = concat_signals([table(pattern="a"), no_signals(), table(available_at=[10, 15], pattern="b")])
    assert joined.available_at.tolist() == [10, 10, 15, 20]
    assert joined.pattern.tolist() == ["a", "b", "b", "a"]


def test_context_that_a_table_lacks_is_filled_in() -> None:
    joined = concat_signals([one(context={"ratio": [1.5]}), one(available_at=[11], context={"label": ["2u"]})])
    assert joined.context["ratio"].tolist() == pytest.approx([1.5, np.nan], nan_ok=True)
    assert joined.context["label"].tolist() == ["", "2u"]


def test_a_long_word_is_not_cut_to_the_length_of_a_short_one() -> None:
    joined = concat_signals([one(pattern="p"), one(available_at=[11], pattern="a-long-pattern")])
    assert joined.pattern.tolist() == ["p", "a-long-pattern"]


def test_context_that_was_filled_in_never_reaches_a_signal_as_nan() -> None:
    # The journal refuses NaN, so that a scanner which joins two tables would end the run.
    joined = concat_signals([one(context={"ratio": [1.5]}), one(available_at=[11])])
    second = joined.signal(1, "profile", "scanner", Instrument("X"))
    assert second.context.get("ratio") is None


def test_the_same_setup_under_another_label_is_the_same_signal() -> None:
    first = one(pattern="2-1-2", trigger=10.0)
    again = one(pattern="3-1-2", trigger=11.0, stop=9.0, available_at=[12], entry="stop", score=0.7)
    assert first.key(0, "profile", "scanner") == again.key(0, "profile", "scanner")


@pytest.mark.parametrize(
    "changes", [{"symbol": "Y"}, {"timeframe": "1h"}, {"side": -1}, {"setup_at": [6]}], ids=lambda c: next(iter(c))
)
def test_another_setup_is_another_signal(changes: dict[str, Any]) -> None:
    assert one(**changes).key(0, "profile", "scanner") != one().key(0, "profile", "scanner")


def test_another_profile_or_scanner_makes_another_signal() -> None:
    keys = {one().key(0, profile, scanner) for profile in ("a", "b") for scanner in ("c", "d")}
    assert len(keys) == 4
    assert signal_key("a", "bc", "X", "1m", "long", 1) != signal_key("ab", "c", "X", "1m", "long", 1)


def test_a_key_is_the_same_on_every_machine() -> None:
    # A change of this text would make a resumed session take its old signals for new ones.
    assert one().key(0, "profile", "scanner") == "sig-4501518d6451f45d"


def test_a_row_becomes_a_signal_with_exact_prices() -> None:
    made = signal(
        side=-1, trigger=0.1 + 0.2, stop=0.35, target=0.2, valid_until=99, score=0.5,
        context={"bars": 3, "label": "2u", "is_inside": True},
    )  # fmt: skip
    assert made == Signal(
        key=one(side=-1).key(0, "profile", "scanner"), scanner="scanner", symbol="X", timeframe="15m", pattern="p",
        side=Side.SHORT, entry=EntryKind.STOP, available_at=10, setup_at=5, valid_until=99, trigger=Decimal("0.30"),
        stop=Decimal("0.35"), target=Decimal("0.20"), cancel_beyond=None, void_beyond=None, score=0.5,
        context={"bars": 3, "label": "2u", "is_inside": True},
    )  # fmt: skip
    assert [type(value) for value in made.context.values()] == [int, str, bool]
    assert str(made.trigger) == "0.30"


def test_a_price_lies_on_the_tick_of_its_instrument() -> None:
    made = one(stop=10.07).signal(0, "profile", "scanner", Instrument("X", tick_size=Decimal("0.05")))
    assert made.stop == Decimal("10.05")


@pytest.mark.parametrize(
    ("trigger", "stop", "target", "expected"),
    [(10.0, 9.0, 12.5, 2.5), (10.0, 11.0, 9.5, 0.5), (10.0, 10.0, 12.0, None), (np.nan, 9.0, 12.0, None),
     (10.0, np.nan, 12.0, None), (10.0, 9.0, np.nan, None), (10.0, 9.0, 10.0, 0.0)],
)  # fmt: skip
def test_reward_to_risk_is_what_is_won_for_what_is_lost(
    trigger: float, stop: float, target: float, expected: float | None
) -> None:
    assert signal(trigger=trigger, stop=stop, target=target).reward_to_risk == expected


def test_a_side_has_a_sign_and_an_opposite() -> None:
    assert (Side.LONG.sign, Side.SHORT.sign) == (1, -1)
    assert (Side.LONG.opposite, Side.SHORT.opposite) == (Side.SHORT, Side.LONG)
