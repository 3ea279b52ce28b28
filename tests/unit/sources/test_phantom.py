"""The phantom is reproducible, looks as radiology says, and is no toy."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import config
from pipeline.errors import ParameterError
from pipeline.registry import SOURCES
from pipeline.sources.phantom import Phantom, PhantomOptions
from pipeline.sources.phantom_anatomy import Liver, vessels, waves
from pipeline.sources.phantom_lesions import Shape
from pipeline.sources.phantom_scanner import Grid, Scanner
from pipeline.sources.source import Target

FEW = {"cyst": 2, "metastasis": 2, "haemangioma": 2}


def phantom(size=(32, 32), seed=7, **options) -> Phantom:
    """A phantom with a few options."""
    return Phantom(Path("unread"), PhantomOptions(**options), Target(size, None, seed))


@pytest.fixture(scope="module")
def paper():
    """The 182 lesions of the paper's data, at 32 pixels."""
    return list(phantom(seed=2026).scans())


def inside(scan) -> np.ndarray:
    """The pixels under the mask."""
    return scan.image[scan.mask > 0]


def test_it_has_the_papers_lesions(paper):
    """182 lesions: 53 cysts, 64 metastases, 65 haemangiomas, in whole HU, each with a mask."""
    labels = [scan.label for scan in paper]
    assert (len(paper), *map(labels.count, FEW)) == (182, 53, 64, 65)
    assert all(scan.image.dtype == np.int16 and scan.image.shape == (1, 32, 32) for scan in paper)
    assert all(scan.mask.shape == (1, 32, 32) and scan.mask.any() for scan in paper)


def test_every_settings_note_says_that_it_is_a_phantom():
    """The note that outputs repeat says so."""
    assert phantom().settings().note.startswith("Phantom: simulated")


def test_patients_have_several_lesions_and_some_have_several_kinds(paper):
    """Lesions cluster in patients, so a split by image would leak."""
    kinds: dict[str, list[str]] = {}
    for scan in paper:
        kinds.setdefault(scan.patient, []).append(scan.label)
    assert 40 <= len(kinds) <= 60
    assert sum(len(labels) > 1 for labels in kinds.values()) > 30
    several = sum(len(set(labels)) > 1 for labels in kinds.values())
    assert 5 < several < len(kinds) / 2


def test_densities_are_those_of_the_kinds(paper):
    """Cysts are near water and even; metastases darker than liver; haemangiomas brightest."""
    mean = {name: [inside(s).mean() for s in paper if s.label == name] for name in FEW}
    assert 10 < np.median(mean["cyst"]) < 35
    assert 45 < np.median(mean["metastasis"]) < 85
    assert np.median(mean["metastasis"]) + 10 < np.median(mean["haemangioma"]) < 120
    spread = {name: np.median([inside(s).std() for s in paper if s.label == name]) for name in FEW}
    assert spread["haemangioma"] > spread["metastasis"]
    assert spread["haemangioma"] > spread["cyst"]


def test_no_threshold_on_density_tells_the_kinds_apart(paper):
    """Kinds overlap: the best cut between metastases and haemangiomas errs in one of ten."""
    means = np.array([inside(s).mean() for s in paper if s.label != "cyst"])
    bright = np.array([s.label == "haemangioma" for s in paper if s.label != "cyst"])
    best = max(np.mean((means > cut) == bright) for cut in means)
    assert 0.6 < best < 0.9


def test_a_seed_gives_the_same_pixels_and_another_seed_others():
    """Same seed, same bytes."""
    first, again, other = (list(phantom(lesions=FEW, seed=seed).scans()) for seed in (1, 1, 2))
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        assert (a.patient, a.attributes) == (b.patient, b.attributes)
        assert not np.array_equal(a.image, c.image)


def test_more_lesions_leave_the_first_ones_as_they_are():
    """A lesion depends on its class and number, not on how many others are made."""
    few = {scan.key: scan for scan in phantom(lesions=FEW).scans()}
    many = {scan.key: scan for scan in phantom(lesions={"haemangioma": 4, "cyst": 3}).scans()}
    shared = few.keys() & many.keys()
    assert len(shared) == 4
    for key in shared:
        np.testing.assert_array_equal(few[key].image, many[key].image)
        assert few[key].patient == many[key].patient


def test_another_size_shows_the_same_lesions():
    """At 31 and at 62 pixels the masks agree; the spacing halves."""
    for coarse, fine in zip(
        phantom((31, 31), lesions=FEW).scans(), phantom((62, 62), lesions=FEW).scans(), strict=True
    ):
        assert coarse.spacing_mm[0] == pytest.approx(2 * fine.spacing_mm[0])
        assert overlap(np.kron(coarse.mask[0], np.ones((2, 2))), fine.mask[0]) > 0.8


def test_two_axes_show_the_middle_slice_of_three():
    """The 2D phantom is the axial slice through the middle of the 3D one."""
    flat = phantom((25, 25), lesions=FEW).scans()
    deep = phantom((25, 25, 25), lesions=FEW).scans()
    for slice_, volume in zip(flat, deep, strict=True):
        assert volume.image.shape == volume.mask.shape == (1, 25, 25, 25)
        assert overlap(slice_.mask[0], volume.mask[0, :, :, 12]) > 0.8


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks."""
    return float(np.logical_and(a, b).sum() / np.logical_or(a, b).sum())


def test_sides_may_differ():
    """The longest side spans the field of view and all axes share its spacing."""
    scan = next(phantom((40, 24), lesions=FEW, field_mm=60).scans())
    assert scan.image.shape == (1, 40, 24)
    assert scan.spacing_mm == (1.5, 1.5)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"lesions": {"hcc": 3}}, "choose one of cyst, haemangioma, metastasis"),
        ({"lesions": {}}, "lesions"),
        ({"lesions": {"cyst": 0}}, "lesions.cyst"),
        ({"patients": 0}, "patients"),
        ({"field_mm": -1}, "field_mm"),
        ({"subcapsular_share": 2}, "subcapsular_share"),
        ({"noise": 3}, "noise: is unknown"),
    ],
)
def test_wrong_options_are_named(options, place):
    """A wrong option is a ParameterError that says which."""
    with pytest.raises(ParameterError, match=place):
        config.options_of(SOURCES, "phantom", options, "ingest.options")


def test_noise_has_its_deviation_and_a_cts_spectrum():
    """Noise has the scanner's deviation; its power rises from zero frequency, then falls."""
    grid = Grid.over((256, 256), 200.0)
    scanner = Scanner(noise_hu=10.0, cutoff_per_mm=0.25, blur_mm=0.8, thickness_mm=1.0)
    flat = np.zeros(grid.shape, np.float32)
    noise = scanner.scan(flat, grid, rng=np.random.default_rng(0))[..., 0]
    # 65,536 correlated pixels hold some 20,000 independent ones: the deviation's error is 0.5 %.
    assert noise.std() == pytest.approx(10.0, rel=0.05)
    power = np.abs(np.fft.fft2(noise)) ** 2
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(256, grid.step_mm)] * 2))
    low, middle, high = (
        power[(frequency > at - 0.02) & (frequency < at + 0.02)].mean() for at in (0.02, 0.17, 0.5)
    )
    assert low < 0.5 * middle
    assert high < 0.2 * middle


def test_blur_keeps_the_mean_and_softens_edges():
    """A step through a wider point spread has a gentler slope."""
    grid = Grid.over((64, 64), 50.0)
    step = np.where(grid.axes[0] > 0, 100.0, 0.0) + np.zeros(grid.shape)
    slopes = []
    for blur in (0.5, 1.5):
        scanner = Scanner(noise_hu=0.0, cutoff_per_mm=0.25, blur_mm=blur, thickness_mm=1.0)
        scanned = scanner.scan(step.astype(np.float32), grid, rng=np.random.default_rng(0))
        assert scanned.mean() == pytest.approx(step.mean(), abs=0.1)
        slopes.append(np.diff(scanned[:, 0, 0]).max())
    assert slopes[1] < 0.5 * slopes[0]


def test_waves_have_mean_zero_and_unit_deviation():
    """Averaged over many draws; 400 draws of a unit variable err by 5 %."""
    grid = Grid.over((2, 2), 2.0)
    rng = np.random.default_rng(0)
    values = np.array([waves(grid, (4, 10), 8, rng=rng)[0, 0, 0] for _ in range(400)])
    assert abs(values.mean()) < 0.2
    assert 0.85 < values.std() < 1.15


def test_vessels_cover_some_of_the_liver():
    """Tubes are in view, are no fog, and stay between 0 and 1."""
    grid = Grid.over((48, 48), 50.0)
    rng = np.random.default_rng(3)
    cover = [vessels(grid, rng=rng) for _ in range(20)]
    assert all(c.min() >= 0 and c.max() <= 1 for c in cover)
    assert 0.005 < np.mean(cover) < 0.2


def test_a_lesions_area_is_its_radius():
    """A shape without lobes or stretch is a ball of its radius."""
    grid = Grid.over((80, 80), 80.0)
    shape = Shape.draw(12.0, 0.0, 0.0, 1.0, rng=np.random.default_rng(1))
    within = shape.inside(grid)
    offset = shape.centre_mm[2]
    area = np.pi * (shape.radius_mm**2 - offset**2)
    assert (within.depth_mm > 0).sum() * grid.step_mm**2 == pytest.approx(area, rel=0.03)
    np.testing.assert_allclose(within.share[within.depth_mm > 0].max(), 1.0, atol=0.1)


def test_vessels_are_brighter_than_liver():
    """In every liver that can be drawn, fatty ones included."""
    livers = [Liver.draw(np.random.default_rng(seed)) for seed in range(200)]
    assert all(liver.vessel_hu >= liver.parenchyma_hu + 25 for liver in livers)
    assert 95 < np.mean([liver.parenchyma_hu for liver in livers]) < 120
