"""A run in another process, which remembers nothing of this one and orders its hashes otherwise."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from atlas_core.backtest.driver import DriverKind
from atlas_core.checking.market import RecordedMarket
from atlas_core.checking.running import decided
from atlas_core.children import end_with_parent
from atlas_core.model.records import Record
from atlas_core.profile import Profile, open_profile

Witness = Callable[[RecordedMarket], list[Record]]
"""Returns what a profile decides on a market, as somebody tells it who has not seen another one."""

HASH_SEED = "20261"
"""Not the seed of this process: what depends on the order of a set comes out otherwise."""


def in_another_process(
    profile: Profile, overrides: Sequence[tuple[str, str]], driver: DriverKind = DriverKind.SKIPPING
) -> Witness:
    """Return a witness that loads the profile again, with the same overrides, in a process of its own."""
    source = str(profile.source)

    def tell(market: RecordedMarket) -> list[Record]:
        context = get_context("spawn")
        with _hash_seed(), ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent) as pool:
            return pool.submit(_decided, source, tuple(overrides), market, driver).result()

    return tell


def _decided(
    source: str, overrides: Sequence[tuple[str, str]], market: RecordedMarket, driver: DriverKind
) -> list[Record]:
    profile, _ = open_profile(source, overrides=overrides, resolve_secrets=True)
    return decided(profile, market, driver=driver)


@contextmanager
def _hash_seed() -> Iterator[None]:
    """Let processes that begin meanwhile have a hash seed of their own."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = HASH_SEED
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before
