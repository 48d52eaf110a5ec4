"""Calls into code of plugins, which may raise anything and print anywhere."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from traceback import format_exception
from typing import TYPE_CHECKING, TypeVar

from atlas_core.plugins.records import PluginFault, Status

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def call_plugin(what: str, call: Callable[[], T]) -> T:
    """Return what `call` returns; whatever it raises becomes a PluginFault whose reason begins with `what`.

    `sys.exit` inside a plugin is a fault and not an exit; only KeyboardInterrupt, which is the user's, passes.
    What the plugin prints goes to stderr, because stdout belongs to the results.
    """
    try:
        with redirect_stdout(sys.stderr):
            return call()
    except KeyboardInterrupt:
        raise
    except PluginFault:
        raise
    except BaseException as fault:
        raise PluginFault(
            Status.FAILED,
            f"{what} raised {describe_exception(fault)}",
            _remedy(fault),
            traceback="".join(format_exception(fault)),
        ) from fault


def describe_exception(fault: BaseException) -> str:
    """Return the class and the message of an exception on one line."""
    try:
        message = " ".join(str(fault).split())
    except Exception:
        message = "(its message cannot be read)"
    return f"{type(fault).__name__}: {message}" if message else type(fault).__name__


def _remedy(fault: BaseException) -> str:
    if isinstance(fault, ModuleNotFoundError) and fault.name:
        return f"install what provides {fault.name!r}, or reinstall or uninstall the plugin"
    return "update or uninstall the plugin, or block it"
