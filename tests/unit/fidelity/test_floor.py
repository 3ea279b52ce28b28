"""A figure and its floor answer one question on equal counts."""

import numpy as np

from pipeline.fidelity.floor import measure
from pipeline.fidelity.frechet import frechet_distance
from pipeline.fidelity.kernel import kernel_distance


def test_a_perfect_generator_reaches_the_floor() -> None:
    """Fresh draws of the real distribution lie inside the floor's band, unequal counts or not."""
    rng = np.random.default_rng(0)
    training, held_out = rng.normal(size=(300, 5)), rng.normal(size=(80, 5))
    synthetic = rng.normal(size=(1000, 5))
    figures = measure(
        [frechet_distance, kernel_distance],
        training,
        synthetic,
        held_out,
        neighbours=5,
        repeats=40,
        rng=np.random.default_rng(1),
    )
    for name in ("frechet", "kid"):
        measured = figures[name]
        width = measured.floor_high - measured.floor_low
        assert measured.floor_low - width < measured.value < measured.floor_high + width


def test_a_shifted_generator_is_above_the_floor() -> None:
    """A generator that is off lies above the floor's band."""
    rng = np.random.default_rng(0)
    training, held_out = rng.normal(size=(100, 5)), rng.normal(size=(100, 5))
    figures = measure(
        [frechet_distance],
        training,
        rng.normal(size=(100, 5)) + 1.0,
        held_out,
        neighbours=5,
        repeats=20,
        rng=np.random.default_rng(1),
    )
    assert figures["frechet"].value > 2 * figures["frechet"].floor_high


def test_too_few_images_give_no_figure() -> None:
    """Nothing is said of a class with a handful of images."""
    few = np.zeros((6, 3))
    rng = np.random.default_rng(0)
    assert measure([frechet_distance], few, few, few, neighbours=5, repeats=2, rng=rng) == {}
