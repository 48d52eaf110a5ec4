"""Opens and closes adapters in a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeVar

from loguru import logger

from atlas_core.errors import NotReady

if TYPE_CHECKING:
    from atlas_core.compose import System
    from atlas_core.model.instrument import Instrument

T = TypeVar("T")

OPEN_SECONDS = 60.0
CLOSE_SECONDS = 5.0

Introduce = Callable[["System", AsyncExitStack], Awaitable[Mapping[str, "Instrument"]]]
"""Opens the provider of a system, closes it with the stack, and returns the instruments."""


async def introduced(system: System, stack: AsyncExitStack) -> Mapping[str, Instrument]:
    """Open the provider and return the instruments; it is closed with `stack`, or at once when it gives none.

    Raises NotReady when it does not answer in its time, and what it raises.
    """
    provider, name = system.provider, f"provider {system.profile.provider.label}"
    async with AsyncExitStack() as own:
        await in_time(name, provider.open())
        own.push_async_callback(closed_in_time, name, provider.close)
        instruments = await in_time(name, provider.instruments(system.profile.universe.symbols))
        stack.push_async_callback(own.pop_all().aclose)
    return instruments


async def in_time(name: str, answer: Awaitable[T]) -> T:
    """Return what an adapter answers; raises NotReady when it does not."""
    deadline = asyncio.timeout(OPEN_SECONDS)
    try:
        async with deadline:
            return await answer
    except TimeoutError:
        if not deadline.expired():
            raise
        raise NotReady(f"{name}: expected an answer within {OPEN_SECONDS:g} s of its opening, there was none") from None


async def closed_in_time(name: str, close: Callable[[], Awaitable[None]]) -> None:
    """Close an adapter; that it does not answer is told and no more."""
    deadline = asyncio.timeout(CLOSE_SECONDS)
    try:
        async with deadline:
            await close()
    except TimeoutError:
        if not deadline.expired():
            raise
        logger.error("{} could not be closed within {} s", name, CLOSE_SECONDS)
