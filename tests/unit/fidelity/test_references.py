"""Metrics equal the reference implementations' on the same features, in float64.

To 1e-6 relative or 1e-8 absolute. torch-fidelity's metrics are read without its package's own
imports, which ask for torchvision and its networks; the functions are its own.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types

import numpy as np
import pytest
import torch
from monai.metrics import regression
from monai.metrics.fid import FIDMetric
from monai.metrics.mmd import MMDMetric
from monai.metrics.regression import MultiScaleSSIMMetric

from pipeline.fidelity.density_coverage import density_coverage
from pipeline.fidelity.frechet import frechet_distance
from pipeline.fidelity.kernel import kernel_distance
from pipeline.fidelity.ms_ssim import ms_ssim, scale_weights
from pipeline.fidelity.precision_recall import precision_recall

EXACT = {"rel": 1e-6, "abs": 1e-8}
# Sizes and dimensions, of which the last has fewer images than features.
SHAPES = [(60, 80, 5), (200, 150, 24), (50, 50, 40)]


@pytest.fixture(params=SHAPES, ids=str)
def features(request):
    """Two sets, correlated, shifted and positive as features of a network are, without ties."""
    n, m, dims = request.param
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(dims, dims)) / np.sqrt(dims)
    real = np.logaddexp(0.0, rng.normal(size=(n, dims)) @ mix)
    return real, np.logaddexp(0.0, rng.normal(size=(m, dims)) @ mix + 0.2)


@pytest.fixture
def torch_fidelity(monkeypatch):
    """Gives torch-fidelity's metric files, loaded one by one."""
    spec = importlib.util.find_spec("torch_fidelity")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("torch-fidelity is not installed")
    package = types.ModuleType("torch_fidelity")
    package.__path__ = list(spec.submodule_search_locations)
    networks = types.ModuleType("torch_fidelity.utils")
    networks.__getattr__ = lambda name: None  # its networks and caches, which no function here uses
    loaded = [name for name in sys.modules if name.startswith("torch_fidelity")]
    for name in loaded:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    monkeypatch.setitem(sys.modules, "torch_fidelity.utils", networks)

    def load(name):
        module = importlib.import_module(f"torch_fidelity.{name}")
        monkeypatch.delitem(sys.modules, module.__name__)
        return module

    return load


def test_frechet_equals_torch_fidelitys(torch_fidelity, features):
    """FID from means and covariances."""
    fid = torch_fidelity("metric_fid")
    statistics = [fid.fid_features_to_statistics(torch.from_numpy(each)) for each in features]
    expected = fid.fid_statistics_to_metric(*statistics, verbose=False)
    assert frechet_distance(*features)["frechet"] == pytest.approx(
        expected[fid.KEY_METRIC_FID], **EXACT
    )


def test_kernel_equals_torch_fidelitys_on_each_subset(torch_fidelity, features):
    """KID of its random subsets, drawn again from its seed: mean and spread."""
    kid = torch_fidelity("metric_kid")
    subsets, size, seed = 7, 30, 2020
    real, fake = features
    expected = kid.kid_features_to_metric(
        torch.from_numpy(real), torch.from_numpy(fake),
        kid_subsets=subsets, kid_subset_size=size, rng_seed=seed, verbose=False,
        kid_degree=3, kid_gamma=None, kid_coef0=1,
    )  # fmt: skip
    rng = np.random.RandomState(seed)  # the reference's own generator
    found = []
    for _ in range(subsets):
        first = real[rng.choice(len(real), size, replace=False)]
        second = fake[rng.choice(len(fake), size, replace=False)]
        found.append(kernel_distance(first, second)["kid"])
    assert np.mean(found) == pytest.approx(expected[kid.KEY_METRIC_KID_MEAN], **EXACT)
    assert np.std(found) == pytest.approx(expected[kid.KEY_METRIC_KID_STD], **EXACT)


@pytest.mark.parametrize("neighbours", [3, 5])
def test_precision_and_recall_equal_torch_fidelitys(torch_fidelity, features, neighbours):
    """PRC; shares of images are exact in float32 too."""
    prc = torch_fidelity("metric_prc")
    real, fake = (torch.from_numpy(each) for each in features)
    precision, recall = prc.calculate_precision_recall_full(fake, real, neighbours)
    found = precision_recall(*features, neighbours=neighbours)
    assert found["precision"] == pytest.approx(precision, **EXACT)
    assert found["recall"] == pytest.approx(recall, **EXACT)


@pytest.mark.parametrize("neighbours", [3, 5])
def test_precision_recall_density_and_coverage_equal_prdcs(features, neighbours, capsys):
    """All four of the reference implementation by the papers' authors."""
    prdc = pytest.importorskip("prdc", reason="prdc is not installed")
    expected = prdc.compute_prdc(*features, nearest_k=neighbours)
    found = precision_recall(*features, neighbours=neighbours)
    found |= density_coverage(*features, neighbours=neighbours)
    assert found == {name: pytest.approx(value, **EXACT) for name, value in expected.items()}


# SciPy deprecates an argument that MONAI 1.6 gives.
@pytest.mark.filterwarnings("ignore:The `disp` argument is deprecated:DeprecationWarning")
def test_frechet_equals_monais(features):
    """FIDMetric, by another matrix root."""
    real, fake = (torch.from_numpy(each) for each in features)
    expected = float(FIDMetric()(fake, real))
    assert frechet_distance(*features)["frechet"] == pytest.approx(expected, **EXACT)


def test_the_kernels_estimator_equals_monais(features):
    """MMDMetric has a linear kernel; on features whose products are k(x, y) it gives KID.

    Such features are the rows of a root of the kernel's matrix over both sets.
    """
    count = min(map(len, features))
    real, fake = (each[:count] for each in features)
    both = np.concatenate([real, fake])
    values, vectors = np.linalg.eigh((both @ both.T / both.shape[1] + 1.0) ** 3)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    expected = float(MMDMetric()(*(torch.from_numpy(each) for each in np.split(root, 2))))
    assert kernel_distance(real, fake)["kid"] == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("size", [(32, 32), (48, 70), (64, 64), (22, 24, 23)], ids=str)
def test_ms_ssim_equals_monais(monkeypatch, size):
    """MultiScaleSSIMMetric with the same weights, made to compute in float64."""
    rng = np.random.default_rng(0)
    first = rng.uniform(size=(4, 2, *size))
    second = np.clip(first + 0.2 * rng.normal(size=first.shape), 0.0, 1.0)
    # It turns images, weights and window into float32, in which it agrees to about 1e-5.
    monkeypatch.setattr(regression, "convert_data_type", lambda data, **_: (data.double(),))
    monkeypatch.setattr(torch, "float", torch.float64)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        metric = MultiScaleSSIMMetric(len(size), weights=scale_weights(min(size)))
        expected = metric._compute_metric(*(torch.from_numpy(each) for each in (first, second)))
    finally:
        torch.set_default_dtype(before)
    assert ms_ssim(first, second) == pytest.approx(expected.numpy().ravel(), **EXACT)
