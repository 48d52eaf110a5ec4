"""What was proved about the profile of a run, and what was searched for on its data."""

from __future__ import annotations

import re

from atlas_core.report.evidence import Check, CheckState, Evidence, Searched, has_evidence
from atlas_core.report.html.markup import Child, Markup, element, joined
from atlas_core.report.html.tables import heading, numbers, table

_FOLDERS = re.compile(r"(?:[^\s'/]*/)+(?=[^\s'/]+\.toml)")
"""The folders before a profile's name: those of this machine are nobody's business on a page."""

_NO_SEARCH = (
    "Not checked: no sweep and no walk-forward over these data is known. "
    "Make one: atlas sweep PROFILE --set KEY=VALUES --walk-forward 60d/15d"
)


def proved(evidence: Evidence) -> Markup:
    """Return the tables of checks and of searches, nothing where nobody asked for them."""
    if not has_evidence(evidence):
        return joined()
    checks = table(
        (heading("Check"), heading("Result"), heading("What was done")),
        [_check(check) for check in evidence.checks],
        name="proved",
    )
    tried = element("p", evidence.tried, class_="small") if evidence.tried else None
    return joined(element("h3", "What was proved"), checks, element("h3", "What was tried"), tried, _searches(evidence))


def _check(check: Check) -> list[Child]:
    done: Child = check.sentence
    if check.state is CheckState.NOT_CHECKED:
        done = element("span", f"{check.sentence}: ", element("code", _FOLDERS.sub("", check.command)))
    return [check.name.capitalize(), element("b", check.state.value), done]


def _searches(evidence: Evidence) -> Markup:
    if not evidence.searches:
        return element("p", _NO_SEARCH, class_="empty")
    columns = (heading("Sweep"), heading("How"), numbers("Trials"), heading("Result"), heading("What it is worth"))
    return table(columns, [_searched(found) for found in evidence.searches], name="words swept")


def _searched(found: Searched) -> list[Child]:
    state = "" if found.state == "complete" else f" ({found.state})"
    return [element("code", found.sweep_id), f"{found.method}{state}", f"{found.trials:,}", found.result, found.worth]
