"""The data card counts what is there and says what was left out."""

from __future__ import annotations

import pandas as pd

from pipeline.report.card import data_card
from tests.simulated_run import add_generators, make_run, parameters


def test_counts(tmp_path):
    """Images and patients by class, parts of a fold, duplicates and reasons of quarantine."""
    make_run(tmp_path, {}, patients=30, images_per_patient=2)
    add_generators(tmp_path, ("conditional",))
    card = data_card(parameters(), tmp_path)
    assert card["facts"]["Origin"] == "a phantom: simulated scans"
    assert card["facts"]["Images"] == 60
    assert card["facts"]["Patients"] == 30
    assert card["classes"][0] == {"label": "cyst", "images": 30, "patients": 15}
    parts = {row["part"]: (row["images"], row["groups"]) for row in card["parts"]}
    assert parts == {"train": ("40", "20"), "test": ("20", "10")}
    assert card["duplicates"] == {"exact": 1, "near": 1, "contradicting": 1}
    assert card["quarantine"] == [
        {"reason": "is constant", "count": 2},
        {"reason": "ends early", "count": 1},
    ]


def test_what_is_not_recorded_is_not_claimed(tmp_path):
    """No file of duplicates is not the same as no duplicates."""
    assert data_card(parameters(), tmp_path) is None
    make_run(tmp_path, {})
    card = data_card(parameters(), tmp_path)
    assert card["duplicates"] is None
    assert card["quarantine"] is None


def test_parts_are_counted_for_each_size(tmp_path):
    """A size that limits training has rows of its own."""
    make_run(tmp_path, {})
    path = tmp_path / "data/splits.csv"
    table = pd.read_csv(path)
    table["train_patients"] = "all"
    fewer = table.assign(repeat=1, train_patients="25")
    kept = fewer["part"].ne("train") | fewer["group_id"].isin(sorted(fewer["group_id"])[:20])
    both = pd.concat([table, fewer.assign(part=fewer["part"].where(kept, "excluded"))])
    both.to_csv(path, index=False)
    sizes = [(row["size"], row["part"]) for row in data_card(parameters(), tmp_path)["parts"]]
    assert sizes == [
        ("all", "train"), ("all", "test"), ("25", "train"), ("25", "test"), ("25", "excluded"),
    ]  # fmt: skip
