"""What plugins hand back: components are checked one by one before anybody relies on them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import Any

import attrs

from atlas_core.components import Component
from atlas_core.contracts import Capability, Kind
from atlas_core.plugins.records import PluginFault, Status

_NAME = re.compile(r"^[a-z0-9]+([._-][a-z0-9]+)*$")


def checked_components(hook: str, kind: Kind, answer: object) -> tuple[Component[Any, Any], ...]:
    """Return the components that a hook answered with; raises PluginFault for anything else."""
    if isinstance(answer, (str, bytes, Component)) or not isinstance(answer, Iterable):
        raise _garbage(f"{hook}: expected an iterable of components, was {_shown(answer)}")
    components = tuple(answer)
    for position, component in enumerate(components):
        if not isinstance(component, Component):
            raise _garbage(f"{hook}[{position}]: expected a component, was {_shown(component)}")
        _check(f"{hook}[{position}]", kind, component)
    return components


def refuse_repeated(components: Iterable[Component[Any, Any]]) -> None:
    """Raise PluginFault when a plugin offers one name twice."""
    seen: list[tuple[Kind, str]] = []
    for component in components:
        key = (component.kind, component.name)
        if key in seen:
            raise _garbage(f"it offers {component.kind} {component.name!r} twice")
        seen.append(key)


def missing_modules(component: Component[Any, Any]) -> tuple[str, ...]:
    """Return the names in `requires` that are not installed, found without importing anything.

    Only top-level names are looked up: for a dotted one `find_spec` would import the parent.
    """
    tops = dict.fromkeys(name.partition(".")[0] for name in component.requires)
    return tuple(top for top in tops if not _is_installed(top))


def install_command(distribution: str, components: Iterable[Component[Any, Any]]) -> str:
    """Return how to install what `components` miss: an extra of their own distribution where they name one."""
    wanting = [component for component in components if missing_modules(component)]
    extras = dict.fromkeys(component.extra for component in wanting if component.extra)
    if extras and distribution:
        return f"python -m pip install '{distribution}[{','.join(extras)}]'"
    modules = dict.fromkeys(module for component in wanting for module in missing_modules(component))
    return f"install the packages that provide {', '.join(modules)}"


def _check(where: str, kind: Kind, component: Component[Any, Any]) -> None:
    if component.kind is not kind:
        raise _garbage(f"{where}: expected a component of kind {kind}, was {_shown(component.kind)}")
    if not isinstance(component.name, str) or not _NAME.match(component.name):
        raise _garbage(
            f"{where}: expected a name of lower-case letters and digits, joined by '-', '_' or '.', "
            f"was {_shown(component.name)}"
        )
    where = f"{kind} {component.name!r}"
    if not isinstance(component.options, type) or not attrs.has(component.options):
        raise _garbage(f"{where}: expected an attrs class as options, was {_shown(component.options)}")
    _check_factory(where, component.factory)
    _check_words(where, component)


def _check_factory(where: str, factory: Callable[..., Any]) -> None:
    if not callable(factory):
        raise _garbage(f"{where}: expected a callable as factory, was {_shown(factory)}")
    if inspect.iscoroutinefunction(factory):
        raise _garbage(f"{where}: expected a synchronous factory, was {_shown(factory)}; connect in open() instead")
    try:
        signature = inspect.signature(factory)
    except ValueError:
        return  # some callables of C extensions have no signature; the call itself will tell
    try:
        signature.bind(object(), object())
    except TypeError:
        raise _garbage(f"{where}: expected factory(options, context), was {_shown(factory)}{signature}") from None


def _check_words(where: str, component: Component[Any, Any]) -> None:
    requires: object = component.requires
    if not isinstance(requires, tuple) or not all(isinstance(name, str) and name for name in requires):
        raise _garbage(f"{where}: expected a tuple of import names as requires, was {_shown(requires)}")
    capabilities: object = component.capabilities
    if not isinstance(capabilities, frozenset) or not all(isinstance(item, Capability) for item in capabilities):
        raise _garbage(f"{where}: expected capabilities of atlas_core.Capability, was {_shown(capabilities)}")
    for field, value in (("extra", component.extra or ""), ("summary", component.summary)):
        if not isinstance(value, str):
            raise _garbage(f"{where}: expected text as {field}, was {_shown(value)}")


def _is_installed(top: str) -> bool:
    try:
        return find_spec(top) is not None
    except (ImportError, ValueError):  # a module without a spec, or a name that cannot be one
        return False


def _garbage(reason: str) -> PluginFault:
    return PluginFault(Status.FAILED, reason, "update or uninstall the plugin, or block it")


def _shown(value: object) -> str:
    if isinstance(value, Component):
        return f"one component; return it in a list, [{value.kind} {value.name!r}]"
    if inspect.isroutine(value) or inspect.isclass(value):
        return f"{value.__module__}.{value.__qualname__}"
    try:
        text = repr(value)
    except Exception:
        return f"an object of class {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
