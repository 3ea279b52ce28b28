"""A name in params.yaml finds its class, and a wrong one is told its choices."""

from __future__ import annotations

import pytest

from pipeline import registry
from pipeline.errors import ParameterError
from pipeline.registry import Registry

ALL = [value for value in vars(registry).values() if isinstance(value, Registry)]
ENTRIES = [pytest.param(each, name, id=f"{each.kind}-{name}") for each in ALL for name in each]


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_can_be_loaded(kind, name):
    """No line points at a module or an attribute that is not there."""
    assert kind.load(name) is not None


def test_a_wrong_name_lists_the_choices():
    """And says where in params.yaml it stands."""
    with pytest.raises(ParameterError, match=r"params\.yaml: a\.b: got 'z'; choose one of x, y"):
        Registry("kind", {"y": "m:A", "x": "m:B"}).load("z", "a.b")


def test_nothing_is_imported_before_it_is_asked_for():
    """An entry that nobody uses costs nothing, broken or not."""
    found = Registry("kind", {"broken": "no.such.module:A"})
    assert list(found) == ["broken"]
    assert "broken" in found
    with pytest.raises(ModuleNotFoundError):
        found.load("broken")
