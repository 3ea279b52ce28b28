"""Every family leaves the project as a package that makes the very same images."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
import torch

from pipeline import tensorfile
from pipeline.errors import DataError
from pipeline.exports.bundle import inference
from pipeline.exports.bundle.writing import write_bundle
from pipeline.gan import checkpoints, packages, packing
from pipeline.gan.family import Prepares
from pipeline.gan.generator import Made
from pipeline.gan.naming import file_name
from pipeline.gan.rows import Rows
from pipeline.gan.trained import open_trained
from pipeline.gan.weights import below
from pipeline.imageset import ImageSet, ImageSetWriter, Meta, parsed_spacing
from pipeline.registry import DIETS, FAMILIES
from pipeline.seeding import seed_initialisation
from pipeline.workflows import sample
from tests import tiny_project

SMALL = {
    "batch": 4,
    "steps": 2,
    "perceptual_steps": 2,
    "ngf": 8,
    "ndf": 8,
    "widest": 8,
    "latent": 4,
}
LABEL = tiny_project.CLASSES[1]
SPACING = (2.5, 0.75, 0.5)
# Rows to posterior, columns to the left, slices to the head, in NIfTI's right, anterior, superior.
AFFINE = [[0, -0.75, 0, 0], [-2.5, 0, 0, 0], [0, 0, 0.5, 0], [0, 0, 0, 1]]
NOT_FOR_SAMPLING = ("discriminator", "view", "perceptual", "inverse")


def volumes(root: Path) -> ImageSet:
    """Write data/augmented with eight small volumes, masks and words among them."""
    rng = np.random.default_rng(0)
    meta = Meta(tiny_project.CLASSES, ("CT",), "HU", (-100.0, 200.0), orientation="PLS")
    directory = root / "data/augmented/r0f0"
    mask = np.zeros((1, 8, 16, 16), np.uint8)
    mask[:, 2:6, 5:11, 5:11] = 1
    with ImageSetWriter(
        directory, meta, capacity=8, shape=mask.shape, dtype="i2", masks=True
    ) as writer:
        for number in range(8):
            writer.add(
                rng.integers(-100, 200, mask.shape),
                image_id=f"i{number:05d}",
                label=tiny_project.CLASSES[number % 2],
                patient_id=f"p{number:04d}",
                origin="real",
                mask=mask,
                spacing_mm=SPACING,
                attributes={"margin": ("sharp", "poor")[number % 4 // 2]},
            )
    return ImageSet.open(directory)


def train(root: Path, name: str, training: ImageSet) -> None:
    """Write models of a family as training would, with weights that nothing has trained."""
    kind = FAMILIES.load(name)
    small = {key: value for key, value in SMALL.items() if key in kind.Options.model_fields}
    options = kind.Options(**small)
    for label in [None] if kind.conditional else tiny_project.CLASSES:
        rows = Rows.of(training, kind, options, label, "cpu")
        seed_initialisation(0, name)
        family = kind(rows.shape, options)
        if isinstance(family, Prepares):
            family.prepare(rows.images, np.random.default_rng(0))
        stir(family.networks)
        path = root / "models" / name / "r0f0g0" / f"{file_name(label)}.safetensors"
        facts = {"classes": list(rows.made), "diet": rows.diet.facts}
        checkpoints.save_model(path, family, name, rows.shape, facts)


@torch.no_grad()
def stir(networks: torch.nn.Module) -> None:
    """Move every tensor, so that images differ and none of them may be forgotten."""
    rng = torch.Generator().manual_seed(1)
    for parameter in networks.parameters():
        parameter.add_(0.2 * torch.randn(parameter.shape, generator=rng))
    for buffer in networks.buffers():
        if buffer.is_floating_point() and buffer.ndim:
            buffer.add_(0.1 * torch.rand(buffer.shape, generator=rng))


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """Makes, once for each family, a project with its models and the package of them."""

    @cache
    def make(name):
        root = tmp_path_factory.mktemp(name)
        train(root, name, tiny_project.make(root, masks=True))
        params = tiny_project.params()
        return root, write_bundle(params, root, name, "r0f0g0", root / "packages/it")

    return make


@pytest.fixture(params=list(FAMILIES))
def project(request, projects):
    """A project with a family, and the package of it."""
    root, bundle = projects(request.param)
    return root, request.param, bundle


def test_the_package_makes_the_images_of_sample(project):
    """Bit by bit, image for image, masks and attributes included."""
    root, name, bundle = project
    out = sample.run(tiny_project.params(), root, sample.Order(name, LABEL, 3, seed=5))
    images = ImageSet.open(out)
    assert images.manifest["label"].eq(LABEL).all()
    assert (out / "preview.png").exists()
    needed = bundle.needs and ImageSet.open(root / "data/augmented/r0f0")
    packed = packages.open_package(bundle.directory, sources=needed or None)
    made = list(packed.make(LABEL, 3, seed=5))
    assert np.array_equal(images.stored(), np.stack([each.image for each in made]))
    assert images.manifest["seed"].astype(int).tolist() == [each.seed for each in made]
    assert images.has_masks == packed.makes_masks
    if images.has_masks:
        assert np.array_equal(images.masks(), np.stack([each.mask for each in made]))
    for column, value in made[0].attributes.items():
        assert images.manifest[column].iloc[0] == value


def test_an_image_does_not_depend_on_the_count(project):
    """The third of three is the third of five, and another seed gives another."""
    root, name, _ = project
    generator = open_trained(tiny_project.params().compute, root, name, "r0f0g0")
    few, many = (list(generator.make(LABEL, count, seed=1)) for count in (3, 5))
    (other,) = generator.make(LABEL, 1, seed=2)
    assert np.array_equal(few[2].image, many[2].image)
    assert not np.array_equal(few[0].image, other.image)


def test_only_what_sampling_reads_goes_along(project):
    """No discriminator and no other network of training; every tensor is the project's."""
    root, name, bundle = project
    for path in sorted((bundle.directory / "models").iterdir()):
        tensors, _ = tensorfile.load(path, stage="test")
        whole, _ = tensorfile.load(root / "models" / name / "r0f0g0" / path.name, stage="test")
        kept = below(tensors, "networks.")
        assert kept
        assert not [key for key in kept if key.partition(".")[0] in NOT_FOR_SAMPLING]
        # MONAI's autoencoder has its halves under these names.
        assert not [key for key in kept if ".encode." in key]
        assert all(np.array_equal(tensor, whole[key]) for key, tensor in kept.items())


def test_no_id_and_no_image_goes_along(project):
    """No file names a training image or patient, and no training image's bytes are in one."""
    root, _, bundle = project
    training = ImageSet.open(root / "data/augmented/r0f0")
    ids = {*training.manifest["image_id"], *training.manifest["patient_id"]}
    pixels = [image.tobytes() for image in training.stored()]
    scaled = [image.tobytes() for image in training.scaled()]
    for path in bundle.directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [name for name in ids if name.encode() in content], path
            assert not any(each in content for each in pixels + scaled), path
            assert str(root).encode() not in content, path


def test_says_what_it_needs(project):
    """A family that makes images from others asks for them in one sentence."""
    _, name, bundle = project
    packed = packages.open_package(bundle.directory)
    needs = DIETS.load(FAMILIES.load(name).batches).needs
    assert bundle.needs == needs
    if needs:
        with pytest.raises(DataError, match=f"from {needs}, and none were given"):
            next(packed.make(LABEL, 1, 0))
    else:
        assert len(list(packed.make(LABEL, 1, 0))) == 1


def test_all_run_without_the_project(projects, tmp_path):
    """One process that cannot import the project opens every family's bundle, side by side."""
    orders = {}
    for name in FAMILIES:
        root, bundle = projects(name)
        orders[name] = {
            "root": str(bundle.directory),
            "module": f"{bundle.package}.exports.bundle.inference",
            "sources": str(root / "data/augmented/r0f0") if bundle.needs else "",
        }
    libraries = [each for each in sys.path if "site-packages" in each or "lib/python" in each]
    own = {"orders": orders, "libraries": libraries, "label": LABEL, "out": str(tmp_path)}
    subprocess.run([sys.executable, "-I", "-S", "-c", ALONE, json.dumps(own)], check=True)
    for name in FAMILIES:
        compute = tiny_project.params().compute
        (expected,) = open_trained(compute, projects(name)[0], name, "r0f0g0").make(LABEL, 1, 9)
        assert np.array_equal(np.load(tmp_path / f"{name}.npy"), expected.image), name


ALONE = """
import importlib, importlib.util, json, sys
own = json.loads(sys.argv[1])
sys.path = own["libraries"]
assert importlib.util.find_spec("pipeline") is None
assert importlib.util.find_spec("stages") is None
import numpy as np
for name, order in own["orders"].items():
    sys.path.insert(0, order["root"])
    program = importlib.import_module(order["module"])
    assert program.__file__.startswith(order["root"])
    (made,) = program.open_bundle(order["sources"]).make(own["label"], 1, seed=9)
    np.save(f"{own['out']}/{name}.npy", made.image)
assert "pipeline" not in sys.modules
"""


@pytest.mark.parametrize("name", ["conditional", "ppca", "vae", "stackgan", "inpainting"])
def test_volumes_are_packed_alike(name, tmp_path):
    """In 3D, what is packed makes what is trained makes."""
    train(tmp_path, name, volumes(tmp_path))
    out = tmp_path / "package"
    bundle = write_bundle(tiny_project.params(), tmp_path, name, "r0f0g0", out)
    sources = ImageSet.open(tmp_path / "data/augmented/r0f0") if bundle.needs else None
    (made,) = packages.open_package(out, sources=sources).make(LABEL, 1, seed=9)
    compute = tiny_project.params().compute
    (expected,) = open_trained(compute, tmp_path, name, "r0f0g0").make(LABEL, 1, seed=9)
    assert made.image.shape == (1, 8, 16, 16)
    assert np.array_equal(made.image, expected.image)


@pytest.mark.parametrize("name", ["conditional", "inpainting"])
def test_volumes_lie_where_the_scans_do(name, tmp_path, monkeypatch):
    """The bundle's NIfTI and the set of `sample` keep axes and spacing, also those of sources."""
    train(tmp_path, name, volumes(tmp_path))
    out = tmp_path / "package"
    bundle = write_bundle(tiny_project.params(), tmp_path, name, "r0f0g0", out)
    monkeypatch.setattr(inference, "bundle_root", lambda: out)
    sources = str(tmp_path / "data/augmented/r0f0") if bundle.needs else None
    inference.Sampler(sources).write(LABEL, 1, 9, str(tmp_path / "made"), "nifti")
    volume = nibabel.load(tmp_path / "made/0.nii.gz")
    assert np.array_equal(volume.affine, AFFINE)
    assert volume.header.get_xyzt_units()[0] == "mm"
    sampled = sample.run(tiny_project.params(), tmp_path, sample.Order(name, LABEL, 1, seed=9))
    images = ImageSet.open(sampled)
    assert np.array_equal(images.stored()[0, 0], np.asanyarray(volume.dataobj))
    assert parsed_spacing(images.manifest["spacing_mm"].iloc[0]) == SPACING


@pytest.mark.parametrize(
    "changed",
    [
        {"image": np.ones((1, 2, 2))},
        {"mask": np.ones((1, 2, 2), np.uint8)},
        {"mask": None},
        {"parents": ("other",)},
        {"attributes": {"margin": "poor"}},
    ],
)
def test_a_package_that_makes_something_else_is_refused(changed, tmp_path, monkeypatch):
    """Pixels, masks, parents and attributes are all compared."""
    zeros = np.zeros((1, 2, 2), np.uint8)
    whole = Made(zeros, zeros, LABEL, 1, ("i00001",), {"margin": "sharp"})

    def making(made):
        machine = SimpleNamespace(device="cpu")
        return SimpleNamespace(
            family="dcgan", classes=(LABEL,), machine=machine, make=lambda *_: iter([whole, made])
        )

    monkeypatch.setattr(packing, "read_settings", lambda _: {"needs": ""})
    monkeypatch.setattr(packing, "open_package", lambda *_, **__: making(whole))
    packing.check_package(tmp_path, making(whole), None)
    with pytest.raises(DataError, match=f"makes other images of {LABEL!r}"):
        packing.check_package(tmp_path, making(replace(whole, **changed)), None)
