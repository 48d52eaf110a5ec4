"""What the package offers, and what listing it costs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from atlas_core import Capability, Context, DataError, HistoryRequest, Kind, parse_timeframe
from atlas_sim.options import FilesOptions, SimOptions
from atlas_sim.plugin import atlas_brokers, atlas_commands, atlas_data_providers


@pytest.fixture
def group() -> click.Group:
    made = click.Group("atlas")
    atlas_commands(made)
    return made


def test_listing_imports_neither_numpy_nor_anything_else_that_is_heavy() -> None:
    script = (
        "import sys; from atlas_sim import plugin;"
        "plugin.atlas_data_providers(); plugin.atlas_brokers();"
        "print(sorted({'numpy', 'pyarrow', 'cattrs', 'click', 'rich', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_offers_three_providers_and_a_broker() -> None:
    offered = {(item.kind, item.name): item for item in [*atlas_data_providers(), *atlas_brokers()]}
    assert set(offered) == {
        (Kind.PROVIDER, "sim"),
        (Kind.PROVIDER, "files"),
        (Kind.PROVIDER, "store"),
        (Kind.BROKER, "paper"),
    }
    assert Capability.SYNTHETIC in offered[Kind.PROVIDER, "sim"].capabilities
    assert Capability.SYNTHETIC not in offered[Kind.PROVIDER, "files"].capabilities
    assert Capability.SIMULATED in offered[Kind.BROKER, "paper"].capabilities
    assert all(item.summary and not item.requires for item in offered.values())


def test_factories_make_what_they_describe(make_context: Callable[..., Context]) -> None:
    made = {item.name: item for item in [*atlas_data_providers(), *atlas_brokers()]}
    assert type(made["sim"].factory(SimOptions(), make_context())).__name__ == "SimProvider"
    assert type(made["files"].factory(FilesOptions(path=Path("x.csv")), make_context())).__name__ == "FilesProvider"
    assert type(made["paper"].factory(made["paper"].options(), make_context())).__name__ == "PaperBroker"


def test_the_command_writes_bars_that_the_files_provider_reads_back(
    group: click.Group, make_context: Callable[..., Context], tmp_path: Path
) -> None:
    done = CliRunner().invoke(group, ["sim", "bars", "--symbol", "ETH-PERP", "--days", "2", "--seed", "3"])
    assert done.exit_code == 0
    path = tmp_path / "eth.csv"
    path.write_text(done.stdout)
    request = HistoryRequest(symbols=("ETH-PERP",), timeframe=parse_timeframe("1m"))
    made = {item.name: item for item in atlas_data_providers()}
    context = make_context(seed=3)
    synthetic = asyncio.run(made["sim"].factory(SimOptions(days=2), context).history(request))["ETH-PERP"]
    read = asyncio.run(made["files"].factory(FilesOptions(path=path), context).history(request))["ETH-PERP"]
    assert np.array_equal(read.opened_at, synthetic.opened_at)
    assert np.array_equal(read.available_at, synthetic.available_at)
    assert all(np.array_equal(one, two) for one, two in zip(read.prices(), synthetic.prices(), strict=True))
    assert np.allclose(read.volume, synthetic.volume)


def test_the_command_resamples(group: click.Group) -> None:
    done = CliRunner().invoke(group, ["sim", "bars", "--symbol", "BTC-PERP", "--days", "1", "--timeframe", "6h"])
    lines = done.stdout.splitlines()
    assert lines[0] == "ts,open,high,low,close,volume,spread"
    assert [line.split(",")[0] for line in lines[1:]] == [f"2026-01-05T{hour:02}:00:00Z" for hour in (0, 6, 12, 18)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--timeframe", "3x"], "expected a timeframe"),
        (["--start", "monday"], "expected a time"),
        (["--days", "0"], "0"),
    ],
)
def test_the_command_refuses_what_it_does_not_understand(
    group: click.Group, arguments: list[str], message: str
) -> None:
    done = CliRunner().invoke(group, ["sim", "bars", "--symbol", "BTC-PERP", *arguments])
    assert done.exit_code == 2
    assert message in done.output


def test_the_command_names_the_listed_symbols(group: click.Group) -> None:
    done = CliRunner().invoke(group, ["sim", "bars", "--symbol", "NOPE"])
    assert isinstance(done.exception, DataError)
    assert "BTC-PERP" in str(done.exception)
