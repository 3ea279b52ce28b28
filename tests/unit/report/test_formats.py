"""Numbers as readers see them."""

from __future__ import annotations

import pytest

from pipeline.report import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (-0.5, "−0.500"), (123.456, "123"), (1e-5, "1e−05"), (0.0, "0.000"),
     (7, "7"), (None, "–"), ("all", "all"), (True, "yes")],
)  # fmt: skip
def test_figure(value, text):
    """Three decimals or three digits, a true minus sign, a dash for what is not known."""
    assert formats.figure(value) == text


def test_p_value():
    """Very small ones are not spelt out."""
    assert [formats.p_value(p) for p in (0.0004, 0.04, None)] == ["< 0.001", "0.040", "–"]


def test_interval():
    """Bounds where there are any, under either name of the middle."""
    assert formats.interval({"mean": 0.5, "low": 0.4, "high": 0.6}) == "0.500 (0.400 to 0.600)"
    assert formats.interval({"value": 0.5, "low": None, "high": None}) == "0.500"


@pytest.mark.parametrize(
    ("values", "text"), [([3, 3], "3"), ([5, 3], "3 to 5"), ([None], "–"), ([], "–")]
)
def test_span(values, text):
    """A range is shown only where there is one."""
    assert formats.span(values) == text


@pytest.mark.parametrize(
    ("name", "title", "phrase"),
    [("25", "25", "25 training patients"), ("0.1", "10%", "10% of the training patients"),
     ("all", "all", "all training patients")],
)  # fmt: skip
def test_size(name, title, phrase):
    """A number of patients, a share of them, or all."""
    assert formats.size(name) == title
    assert formats.size(name, sentence=True) == phrase


def test_table():
    """A head, a line of as many columns, and the rows."""
    assert formats.table(("a", "b"), [(1, formats.code("x"))]) == [
        "| a | b |", "|---|---|", "| 1 | `x` |",
    ]  # fmt: skip
