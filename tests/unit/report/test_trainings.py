"""Training health is what the histories and monitors wrote."""

from __future__ import annotations

from pipeline.report.trainings import trainings
from tests.simulated_run import add_generators, make_run, parameters


def test_trainings_tell_what_monitors_found(tmp_path):
    """Curves of the first fold, findings of every model and what was done about them."""
    make_run(tmp_path, {})
    add_generators(tmp_path)
    rows = trainings(parameters(), tmp_path)
    assert [(row["family"], row["models"]) for row in rows] == [("conditional", 1), ("dcgan", 2)]
    first, second = rows[1]["findings"]
    assert first == {
        "model": "r0f0g0/metastasis",
        "step": 500,
        "monitor": "lost_equilibrium",
        "action": "warn",
        "message": "the discriminator wins: D(x) is near 1",
        "outcome": "Training went on.",
    }
    assert second["outcome"].startswith("It was rolled back")
    assert rows[0]["says"].startswith("Model all after step 1000: the discriminator gives real")
