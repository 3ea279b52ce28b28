"""Real and synthetic images mix in fixed shares, and never across folds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.model_selection import GroupKFold, KFold
from torch.utils.data import TensorDataset

from pipeline import data
from pipeline.errors import LeakError
from pipeline.imageset import ImageSet
from pipeline.splits import Splits
from tests.discs import make, write_set
from tests.labelled_noise import labelled_noise

HOW = {"batch": 8, "steps": 3, "seed": 0}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Discs in two folds."""
    return make(tmp_path_factory.mktemp("project"), folds=2)


def opened(project, fold):
    """A fold's real and synthetic images."""
    real = ImageSet.open(project / f"data/augmented/r0f{fold}")
    return real, ImageSet.open(project / f"data/synthetic/dcgan/r0f{fold}g0")


@pytest.mark.parametrize(("ratio", "synthetic"), [(1.0, 4), (3.0, 6), (1 / 3, 2)])
def test_a_ratio_is_synthetic_to_real(ratio, synthetic):
    """Three to one is three quarters of a batch; any datasets of one's own will do."""
    parts = [TensorDataset(torch.full((count,), kind)) for count, kind in ((30, 0.0), (5, 1.0))]
    loader = data.mix(*parts, ratio=ratio, **HOW)
    assert [float(batch.sum()) for (batch,) in loader] == [synthetic] * 3


@pytest.mark.parametrize("given", [{}, {"ratio": 1.0, "synthetic_share": 0.5}, {"ratio": -1.0}])
def test_a_share_or_a_ratio_is_needed(given):
    """One of them, and above zero."""
    part = TensorDataset(torch.zeros(4))
    with pytest.raises(ValueError, match="not both"):
        data.mix(part, part, **given, **HOW)


def test_epochs_differ_and_repeat():
    """Epoch by epoch other draws, and the same ones again."""
    sampler = data.ShareSampler(range(20), range(20), batch=4, steps=5)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    sampler.set_epoch(0)
    assert first == list(sampler) != second


def test_a_fold_mixes_with_its_own_patients(project):
    """splits.csv is found above the real images."""
    for fold in (0, 1):
        assert len(list(data.mix(*opened(project, fold), ratio=1.0, **HOW))) == 3


def test_another_folds_patients_are_refused(project, tmp_path):
    """By splits.csv; and by the names, where there is none."""
    real, synthetic = opened(project, 0)[0], opened(project, 1)[1]
    with pytest.raises(LeakError, match="which is not a train row of repeat 0, fold 1"):
        data.mix(real, synthetic, ratio=1.0, **HOW)
    rows = [{"image_id": "a", "label": "dark", "origin": "real"}]
    write_set(tmp_path / "r0f0", rows)
    with pytest.raises(LeakError, match="was made from other training patients"):
        data.mix(ImageSet.open(tmp_path / "r0f0"), synthetic, ratio=1.0, **HOW)


def test_what_cannot_be_checked_is_warned_of(project, tmp_path):
    """Real images from nowhere, synthetic ones of a fold."""
    write_set(tmp_path / "mine", [{"image_id": "a", "label": "dark", "origin": "real"}])
    with pytest.warns(data.LeakWarning, match="give splits="):
        data.mix(ImageSet.open(tmp_path / "mine"), opened(project, 0)[1], ratio=1.0, **HOW)


def test_synthetic_images_never_enter_a_test_fold(tmp_path):
    """A splitter by patients makes the folds of real rows; images of no fold train in all."""
    real = labelled_noise(tmp_path / "real", [0, 1] * 6)
    made = labelled_noise(tmp_path / "gan", [0, 1] * 4, origin="gan")
    arrays = data.sklearn_arrays(real, made, cv=GroupKFold(3))
    assert arrays.folds.get_n_splits() == 3
    for train, test in arrays.folds.split():
        assert test.max() < 12
        assert (train >= 12).sum() == 8
        assert not set(arrays.groups[train]) & set(arrays.groups[test])


def test_images_of_a_fold_need_its_splits(project):
    """Any other folds would test patients that the generator has seen."""
    images, synthetic = ImageSet.open(project / "data/images"), opened(project, 0)[1]
    with pytest.raises(LeakError, match="give splits="):
        data.sklearn_arrays(images, synthetic, cv=GroupKFold(3))


def test_parents_that_are_tested_are_refused(project, tmp_path):
    """A synthetic image that says it was made from a test patient."""
    images, synthetic = ImageSet.open(project / "data/images"), opened(project, 0)[1]
    splits = Splits.open(project / "data/splits.csv")
    synthetic.manifest.loc[0, "parent_ids"] = min(splits.ids(0, 0, "test"))
    folds = data.sklearn_arrays(images, synthetic, splits=splits).folds
    with pytest.raises(LeakError, match="not a train row of repeat 0, fold 0"):
        list(folds.split())


def test_a_splitter_that_parts_a_patient_is_refused(tmp_path):
    """KFold knows no patients."""
    real = labelled_noise(tmp_path / "real", [0, 1] * 6)
    real.manifest["patient_id"] = [f"p{number % 5}" for number in range(12)]
    with pytest.warns(UserWarning, match="ignored"), pytest.raises(LeakError, match="GroupKFold"):
        list(data.sklearn_arrays(real, cv=KFold(3)).folds.split())


def test_monai_items_read_on_demand_and_know_millimetres(tmp_path):
    """A slice is a view; what is only shown lies as NIfTI exports lay it, rows to posterior."""
    images = labelled_noise(tmp_path / "real", [0, 1, 1], spacing_mm=(2.0, 0.5))
    items = data.monai_items(images)
    assert len(items[1:]) == 2
    assert items[1:][0]["image_id"] == items[-2]["image_id"] == "real-1"
    np.testing.assert_array_equal(items[2]["image"].numpy(), images.stored([2])[0])
    np.testing.assert_array_equal(
        data.monai_items(images, scaled=True)[2]["image"].numpy(), images.scaled([2])[0]
    )
    # From RAS, rows to posterior are -y and columns to the left are -x.
    expected = [[0, -0.5, 0, 0], [-2, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert items[0]["image"].affine.tolist() == expected
    with pytest.raises(IndexError):
        items[3]


def test_every_public_name_is_there():
    """The names that are imported when they are asked for."""
    for name in data.__all__:
        assert callable(getattr(data, name))
    with pytest.raises(AttributeError, match="nothing"):
        data.nothing  # noqa: B018


def test_labels_of_all_folds_are_told(project, tmp_path):
    """The folds of an export of all, by its column."""
    images = opened(project, 0)[1]
    images.manifest["trained_on"] = ["r0f0g0"] * 10 + ["r0f1g0"] * 10
    images.manifest["selected"] = 1
    real = ImageSet.open(project / "data/images")
    folds = data.sklearn_arrays(real, images, splits=project / "data/splits.csv").folds
    added = [sorted(train[train >= 44] - 44) for train, _ in folds.split()]
    assert added == [list(range(10)), list(range(10, 20))]
