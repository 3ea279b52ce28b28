"""The monitor of mode collapse."""

from __future__ import annotations

from pipeline.gan.monitors.mode_collapse import ModeCollapse


def history(*looks):
    """Looks with the diversity of each class, and rows without between them."""
    rows = []
    for look in looks:
        rows += [{"step": 1.0}, {f"diversity_{label}": value for label, value in look.items()}]
    return [*rows, {"step": 2.0}]


def test_names_the_classes_that_collapsed():
    """By their index, and only those."""
    message = ModeCollapse()(history({0: 0.9, 1: 0.2}, {0: 0.8, 1: 0.12}))
    assert "class 1 (12%)" in message
    assert "class 0" not in message
    both = ModeCollapse()(history({0: 0.1, 10: 0.2}, {0: 0.1, 10: 0.2}))
    assert "class 0 (10%), class 10 (20%)" in both


def test_young_generators_are_given_time():
    """One look is not enough, and a class that has spread out since is well."""
    assert ModeCollapse()(history({0: 0.1})) is None
    assert ModeCollapse()(history({0: 0.1}, {0: 0.5})) is None
    assert ModeCollapse()(history({0: 0.5}, {0: 0.1})) is None


def test_less_diversity_than_real_images_have_is_usual():
    """A generator that leaves out what is rare has not collapsed."""
    assert ModeCollapse()(history({0: 0.4}, {0: 0.4})) is None
