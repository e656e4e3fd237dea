"""docs/methods.md is what the tables say, and every method of the heart says what it assumes."""

import tomllib

import pytest

from tests.methods_page import FIGURES, PAGE, TABLES, _doc, page


def test_the_page_is_made_from_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.methods_page"


@pytest.mark.parametrize("name", TABLES["preference"][1])
def test_every_preference_model_says_what_it_assumes(name: str) -> None:
    idea, assumes = _doc(TABLES["preference"][1][name])
    assert idea and assumes


def test_figures_are_of_methods_there_are() -> None:
    told = tomllib.loads(FIGURES.read_text(encoding="utf-8"))
    for folder, rows in told.items():
        assert set(rows) <= set(TABLES[folder][1])
    fails = {n for n, row in told["preference"].items() if {"figure", "fails"} <= set(row)}
    assert fails == set(TABLES["preference"][1])
