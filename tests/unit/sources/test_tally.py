"""Counts by class, under names that MLflow takes."""

import re

from pipeline.sources.source import Scan
from pipeline.sources.tally import Tally


def test_images_and_patients_are_counted_by_class():
    """A patient with lesions of two classes counts once in all and once in each class."""
    tally = Tally()
    for label, patient in (("a", "p1"), ("a", "p1"), ("b (c)", "p1"), ("b (c)", "p2")):
        tally.count(Scan("key", label, None, image=None, part="train"), patient)
    figures = tally.figures()
    assert (figures["images"], figures["patients"]) == (4, 2)
    assert (figures["patients_a"], figures["patients_b__c_"]) == (1, 2)
    assert tally.anonymous == 4 and tally.parts == {"train"}
    assert all(re.fullmatch(r"[\w.-]+", name) for name in figures)


def test_the_table_is_in_order_and_whole(tmp_path):
    """Broken and left-out scans stand in the source's order; an empty table has its heading."""
    tally = Tally(broken=[("item-00002", "a, b")], left_out=[("item-00001", "c")])
    tally.write_quarantine(tmp_path / "new" / "quarantine.csv")
    text = (tmp_path / "new" / "quarantine.csv").read_text()
    assert text == 'item,reason\nitem-00001,c\nitem-00002,"a, b"\n'
    Tally().write_quarantine(tmp_path / "empty.csv")
    assert (tmp_path / "empty.csv").read_text() == "item,reason\n"
