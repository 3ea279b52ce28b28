"""What is fitted once is found again, and by nobody else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.compute import Machine
from pipeline.fidelity.kept import kept
from pipeline.imageset import ImageSet, ImageSetWriter, Meta


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Four images, in a project of their own."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    meta = Meta(("a", "b"), ("CT",), "HU", (0.0, 10.0))
    with ImageSetWriter(
        tmp_path / "set", meta, capacity=4, shape=(1, 8, 8), dtype=np.int16
    ) as writer:
        for number in range(4):
            writer.add(
                np.full((1, 8, 8), number),
                image_id=f"i{number}",
                label="ab"[number % 2],
                patient_id=f"p{number}",
                origin="real",
            )
    return ImageSet.open(tmp_path / "set")


class Counted:
    """A fit that knows how often it was asked."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        """A tensor with the number of the call."""
        self.calls += 1
        return {"weight": torch.tensor([float(self.calls)])}


def ask(fit, images, name="probe", seed=0, machine=None):
    """The fitted number, and whether it was known."""
    machine = machine or Machine()
    tensors, known = kept(name, fit, sets=[images], facts={"seed": seed}, machine=machine)
    return tensors["weight"].item(), known


def test_the_second_who_asks_gets_what_the_first_one_fitted(images):
    """One fit, two answers."""
    fit = Counted()
    assert ask(fit, images) == (1.0, False)
    assert ask(fit, images) == (1.0, True)


@pytest.mark.parametrize(
    "other",
    [
        {"name": "another"},
        {"seed": 1},
        {"machine": Machine(threads=2)},
        {"machine": Machine(precision="bf16")},
    ],
    ids=str,
)
def test_another_question_is_fitted_for_itself(images, other):
    """Name, facts and machine are part of the key."""
    fit = Counted()
    ask(fit, images)
    assert ask(fit, images, **other) == (2.0, False)


def test_other_rows_or_labels_are_fitted_for_themselves(images):
    """A fold's rows, their order and their labels are part of the key."""
    fit = Counted()
    ask(fit, images)
    assert ask(fit, images.take([0, 1]))[1] is False
    assert ask(fit, images.take([1, 0, 2, 3]))[1] is False
    assert ask(fit, images.relabelled(["b"] * 4, ("a", "b")))[1] is False
    assert fit.calls == 4
