"""The committed figures are what the program beside them draws."""

from __future__ import annotations

import re
import runpy
import xml.etree.ElementTree as ET

from tests.architecture.sources import ROOT

FIGURES = ROOT / "docs" / "figures"
PAGE = ROOT / "docs" / "strat.md"
DRAWN: dict[str, str] = runpy.run_path(str(FIGURES / "draw_strat.py"))["figures"]()


def test_the_committed_figures_are_those_that_the_program_draws() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FIGURES.glob("*.svg")}
    assert sorted(committed) == sorted(DRAWN)
    assert [name for name, content in committed.items() if content != DRAWN[name]] == []


def test_every_figure_is_shown_on_the_page_and_says_what_the_page_says() -> None:
    shown = re.findall(r"\]\(figures/([\w-]+\.svg)\)", PAGE.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(DRAWN)


def test_a_figure_of_a_family_names_a_pattern_of_it_and_draws_its_levels() -> None:
    for family in ("2-1-2", "3-1-2", "2-2", "3-2", "3-2-2", "1-2-2", "1-1-2", "1-3", "2-3", "3-3"):
        words = [element.text or "" for element in ET.fromstring(DRAWN[f"strat-{family}.svg"]).iter() if element.text]
        titles = [re.sub(r"[UD]\b", "", word.split()[0]) for word in words if "-" in word]
        assert family in titles
        assert {"trigger", "stop"} <= set(words)
