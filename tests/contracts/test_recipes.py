"""What every recipe of the registry promises; a new entry is tested by being there."""

from __future__ import annotations

import pytest

from pipeline.arms.recipe import Ingredients, Recipe
from pipeline.data import BatchSampler, batch_counts, class_frequencies
from pipeline.registry import RECIPES
from tests.labelled_noise import labelled_noise

SHARE = 0.25


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A fold: 12 real images of which 3 are bright, three copies of each, 8 synthetic."""
    root = tmp_path_factory.mktemp("fold")
    labels = [0] * 9 + [1] * 3
    real = labelled_noise(root / "real", labels)
    classical = labelled_noise(root / "classical", labels * 4, origin="classical")
    classical.manifest.loc[: len(labels) - 1, "origin"] = "real"
    synthetic = labelled_noise(root / "gan", [0, 1] * 4, origin="gan")
    return Ingredients(real, classical, synthetic, SHARE)


@pytest.fixture(params=RECIPES)
def name(request):
    """Each entry of the registry."""
    return request.param


@pytest.fixture
def recipe(name) -> Recipe:
    """The entry itself."""
    return RECIPES.load(name)


def test_shares_make_a_whole_batch(recipe, given):
    """Every pool holds images, has a part in each batch, and shares sum to one."""
    pools = recipe.diet(given).pools
    assert sum(batch_counts([pool.share for pool in pools], 32)) == 32
    assert len(list(BatchSampler(pools, batch=32, steps=3, seed=0))) == 3
    assert all(0.0 <= pool.transformed <= 1.0 for pool in pools)


def test_synthetic_images_are_used_if_and_only_if_taken(recipe, given):
    """What the recipe says it takes is what its pools hold."""
    origins = {
        origin for pool in recipe.diet(given).pools for origin in pool.images.manifest.origin
    }
    assert ("gan" in origins) == recipe.takes_synthetic
    if not recipe.takes_synthetic:
        without = Ingredients(given.real, given.classical, None, SHARE)
        assert recipe.diet(without).pools


def test_synthetic_share_is_that_of_every_batch(recipe, given):
    """None, `synthetic_share` or all, to the image."""
    pools = recipe.diet(given).pools
    expected = (1.0 if len(pools) == 1 else SHARE) if recipe.takes_synthetic else 0.0
    shares = [pool.share for pool in pools if "gan" in set(pool.images.manifest.origin)]
    assert sum(shares) == expected


def test_class_frequencies_are_those_of_the_real_rows(name, recipe, given):
    """Only `oversampled` changes how often a class is seen, and it makes classes equal."""
    bright = 0
    pools = recipe.diet(given).pools
    labels = [label for pool in pools for label in pool.images.labels]
    batches = list(BatchSampler(pools, batch=32, steps=48, seed=0))
    for batch in batches:
        bright += sum(int(labels[position]) for position in batch)
    seen = bright / (32 * len(batches))
    expected = 0.5 if name == "oversampled" else class_frequencies(given.real)[1]
    assert seen == pytest.approx(expected, abs=0.005)


def test_counterparts_differ_in_one_thing(given):
    """Synthetic arms are their counterpart with a share replaced, augmented as often."""
    diets = {name: RECIPES.load(name).diet(given) for name in RECIPES}
    copies = 0.75  # three copies for each real image

    def parts(name):
        return [
            (pool.images.manifest.origin.iloc[-1], pool.transformed) for pool in diets[name].pools
        ]

    assert parts("real") == [("real", 0.0)]
    assert parts("real_synthetic") == [("real", 0.0), ("gan", 0.0)]
    assert parts("classical") == parts("mixup") == [("classical", 0.0)]
    assert parts("classical_synthetic") == [("classical", 0.0), ("gan", copies)]
    assert parts("synthetic_first") == parts("classical_synthetic")
    assert parts("synthetic") == [("gan", copies)]
    assert parts("classical_online") == [("real", 1.0)]
    assert {name for name, diet in diets.items() if diet.mixing == "mixup"} == {"mixup"}
    until = {name: diet.mixed_until for name, diet in diets.items() if diet.mixed_until != 1.0}
    assert until == {"synthetic_first": 0.5}
