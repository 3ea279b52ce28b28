"""What every GAN family promises, whatever it is: run over the whole registry."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.compute import Machine
from pipeline.gan import checkpoints, training
from pipeline.gan.diets.diet import collate
from pipeline.gan.family import FollowsSteps, Judges, Prepares, Walks
from pipeline.gan.rows import Rows
from pipeline.gan.sampling import images_of, sample
from pipeline.gan.training import Session, train
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.registry import DIETS, FAMILIES, MONITORS
from pipeline.seeding import seed_initialisation

MACHINE = Machine()
SIZES = [(16, 16), (28, 28), (24, 16), (8, 16, 16)]
CLASSES = ("a", "b", "c")
WORDS = {"margin": ("sharp", "poor", "fair"), "texture": ("solid", "mixed", "solid")}
# What a family's networks are cut down to, where it has such an option.
SMALL = {
    "batch": 4,
    "steps": 6,
    "ngf": 8,
    "ndf": 8,
    "widest": 16,
    "examinations": 2,
    "perceptual_steps": 2,
}
NAMES = list(FAMILIES)


@pytest.fixture(autouse=True)
def _one_thread():
    """Bits depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Makes sets of 24 labelled discs with masks and words, half of them classical copies."""

    @cache
    def make(size=(16, 16), channels=1):
        root = tmp_path_factory.mktemp("set")
        names = tuple(f"channel {number}" for number in range(channels))
        meta = Meta(CLASSES, names, "HU", (-100.0, 200.0))
        shape = (channels, *size)
        rng = np.random.default_rng(0)
        with ImageSetWriter(
            root, meta, capacity=24, shape=shape, dtype=np.int16, masks=True
        ) as writer:
            for number in range(24):
                mask = disc(size, 2 + number % 3)
                parent = f"i{number % 12}"
                writer.add(
                    rng.integers(-100, 0, shape) + 150 * mask,
                    image_id=parent if number < 12 else f"{parent}-c1",
                    label=CLASSES[number % 3],
                    patient_id=f"p{number % 12}",
                    origin="real" if number < 12 else "classical",
                    parent_ids=() if number < 12 else (parent,),
                    mask=mask,
                    attributes={name: words[number % 3] for name, words in WORDS.items()},
                )
        return ImageSet.open(root)

    return make


def disc(size, radius):
    """A mask (1, *size) of a ball in the middle."""
    axes = [np.arange(length) - length // 2 for length in size]
    squares = sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij"))
    return (squares <= radius**2).astype(np.uint8)[None]


def build(name, images, seed=0, **options):
    """A small family fit for a set (one model of class `a`, unless it makes all), and its rows."""
    kind = FAMILIES.load(name)
    small = {key: value for key, value in SMALL.items() if key in kind.Options.model_fields}
    chosen = kind.Options(**{**small, **options})
    rows = Rows.of(images, kind, chosen, None if kind.conditional else "a", "cpu")
    seed_initialisation(seed, name)
    family = kind(rows.shape, chosen)
    if isinstance(family, Prepares):
        family.prepare(rows.images, np.random.default_rng(seed))
    return family, rows


def generators(count):
    """A seeded generator an image."""
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def offered(rows, count):
    """What `count` images of the classes in turn are made from."""
    offers = [
        rows.diet.offer(number % rows.shape.classes, torch.Generator().manual_seed(number))
        for number in range(count)
    ]
    return collate([offer.given for offer in offers])


def session(directory: Path, report=lambda *_: None, examine=None):
    """A session that nobody watches."""
    return Session(
        "test", "train_gan.options.x", 7, MACHINE, directory, report, lambda *_: None, examine
    )


def trained(name, images, directory, **kinds):
    """A family trained for a few steps."""
    family, rows = build(name, images)
    return train(family, rows.diet, session(directory, **kinds))


@pytest.mark.parametrize("name", NAMES)
class TestFamily:
    """A family of the registry."""

    @pytest.mark.parametrize("size", SIZES, ids=str)
    @pytest.mark.parametrize("channels", [1, 3])
    def test_makes_images_of_the_shape_it_was_built_for(self, name, size, channels, sets):
        """Samples have the asked shape and lie in [-1, 1], in 2D and 3D, for any size."""
        family, rows = build(name, sets(size, channels))
        family.networks.eval()
        with torch.no_grad():
            made = family.sample(offered(rows, 2), generators(2))
        assert made.images.shape == (2, channels, *size)
        assert made.images.abs().max() <= 1
        assert (made.masks is not None) == family.makes_masks
        if made.masks is not None:
            assert made.masks.shape == (2, 1, *size)
            assert made.masks.min() >= 0 and made.masks.max() <= 1

    @pytest.mark.parametrize("size", [(28, 28), (8, 16, 16)], ids=str)
    def test_gives_every_network_a_gradient(self, name, size, sets):
        """Over the phases of a training, every parameter of every trained network is moved."""
        family, rows = build(name, sets(size))
        moved, wanted = set(), set()
        for step in range(family.options.steps):
            for phase in family.phases(step):
                for key, network in family.networks.items():
                    network.requires_grad_(key in phase.trains)
                wanted |= set(phase.trains)
                batch = rows.diet.draw(torch.Generator().manual_seed(step))
                report = family.loss(phase.name, batch, torch.Generator().manual_seed(step))
                total = sum(report.terms.values())
                assert torch.isfinite(total)
                total.backward()
                if isinstance(family, FollowsSteps):
                    family.after_step(phase.name, report)
        for key, parameter in family.networks.named_parameters():
            if key.split(".")[0] in wanted:
                assert parameter.grad is not None, key
                assert torch.isfinite(parameter.grad).all(), key
                moved |= {key} if parameter.grad.abs().sum() > 0 else set()
        # An additive bias in front of a normalisation cannot matter, all else must.
        trained = {
            key for key, _ in family.networks.named_parameters() if key.split(".")[0] in wanted
        }
        assert not trained - moved

    def test_gives_the_same_image_for_the_same_seed_only(self, name, sets):
        """A seed fixes the pixels; another seed gives others."""
        family, rows = build(name, sets())
        family.networks.eval()
        one, again, other = images_of(sample(family, rows.diet, [0] * 3, [5, 5, 6], MACHINE))
        assert np.array_equal(one, again)
        assert not np.array_equal(one, other)

    def test_makes_an_image_that_does_not_depend_on_its_neighbours(self, name, sets):
        """An image sampled alone equals, bit by bit, the one sampled among many."""
        family, rows = build(name, sets((28, 28)))
        family.networks.eval()
        labels = [seed % rows.shape.classes for seed in range(5)]
        many = images_of(sample(family, rows.diet, labels, range(5), MACHINE))
        alone = [sample(family, rows.diet, [labels[s]], [s], MACHINE)[0].image for s in range(5)]
        assert np.array_equal(many, np.stack(alone))

    def test_names_training_rows_as_parents_of_what_is_made_from_them(self, name, sets):
        """Parents are ids of real rows, and there is one wherever a source or a mask is given."""
        family, rows = build(name, sets())
        family.networks.eval()
        real = {f"i{number}" for number in range(12)}
        for made in sample(family, rows.diet, [0] * 3, range(3), MACHINE):
            assert set(made.parents) <= real
            assert made.parents or made.source is None

    def test_survives_being_saved(self, name, sets, tmp_path):
        """A family loaded from its file makes the same images, and saving again the same bytes."""
        family, rows = build(name, sets())
        family.networks.eval()
        for path in (tmp_path / "a.safetensors", tmp_path / "b.safetensors"):
            checkpoints.save_model(path, family, name, rows.shape, {"classes": ["a"]})
        loaded, facts = checkpoints.load_model(tmp_path / "a.safetensors")
        assert facts["family"] == name
        assert loaded.options == family.options
        (expected,) = sample(family, rows.diet, [0], [3], MACHINE)
        (again,) = sample(loaded, rows.diet, [0], [3], MACHINE)
        assert np.array_equal(again.image, expected.image)
        first, second = (tmp_path / f"{letter}.safetensors" for letter in "ab")
        assert first.read_bytes() == second.read_bytes()

    def test_resumes_to_the_same_bits(self, name, sets, tmp_path, monkeypatch):
        """A training that is cut off, at every step, ends with the weights of one that is not."""
        monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
        looks = {"examine": falling_score}
        whole = trained(name, sets(), tmp_path / "whole", **looks)

        class CutError(Exception):
            pass

        def cut(*_):
            raise CutError

        for _ in range(whole.family.options.steps - 1):
            with pytest.raises(CutError):
                # After a resume the first report tells of the steps already done.
                trained(name, sets(), tmp_path / "cut", report=_after(2, cut), **looks)
        resumed = trained(name, sets(), tmp_path / "cut", **looks)
        assert resumed.history.rows == whole.history.rows
        assert (resumed.step, resumed.score) == (whole.step, whole.score)
        for key, tensor in whole.family.networks.state_dict().items():
            assert torch.equal(tensor, resumed.family.networks.state_dict()[key]), key

    @pytest.mark.parametrize("size", [(16, 16), (8, 16, 16)], ids=str)
    def test_trains_what_it_saves(self, name, size, sets, tmp_path):
        """The averaged networks stay finite, and move where there is anything to train."""
        before, _ = build(name, sets(size))
        end = trained(name, sets(size), tmp_path)
        after = end.family.networks.state_dict()
        assert all(torch.isfinite(tensor.float()).all() for tensor in after.values())
        changed = any(
            not torch.equal(tensor, after[key])
            for key, tensor in before.networks.state_dict().items()
        )
        assert changed == bool(before.phases(0))

    def test_keeps_what_it_optionally_promises(self, name, sets):
        """Walks decode their latents into `sample`; judges give a logit an image."""
        family, rows = build(name, sets())
        family.networks.eval()
        given = offered(rows, 2)
        with torch.no_grad():
            if isinstance(family, Walks):
                walked = family.decode(family.latents(generators(2)), given)
                assert torch.equal(walked.images, family.sample(given, generators(2)).images)
            if isinstance(family, Judges):
                batch = rows.diet.draw(torch.Generator().manual_seed(0))
                assert family.judge(batch).shape == (len(batch.labels),)


@pytest.mark.parametrize("size", [(28, 28), (8, 16, 16)], ids=str)
@pytest.mark.parametrize(
    "name", [name for name in NAMES if "grain" in FAMILIES.load(name).Options.model_fields]
)
def test_grain_is_an_images_own(name, size, sets):
    """Noise comes from an image's seed, whatever is made beside it, and no truncation takes it."""
    family, rows = build(name, sets(size), grain=True, truncation=1e-6)
    family.networks.eval()
    offer = rows.diet.offer(0, torch.Generator().manual_seed(0)).given
    with torch.no_grad():
        alone = family.sample(offer, generators(1)).images
        beside = family.sample(collate([offer, offer]), generators(2)).images
    assert torch.allclose(alone[0], beside[0], atol=1e-3 * float(beside.std()))
    assert (beside[0] - beside[1]).std() > 0.05 * beside.std() > 0.0


def falling_score(family):
    """An examination by which the first look is the best one, from weights alone."""
    total = sum(float(each.double().abs().sum()) for each in family.networks.parameters())
    return {"score": total}


def _after(count, action):
    calls = []

    def report(*arguments):
        calls.append(arguments)
        if len(calls) == count:
            action()

    return report


@pytest.mark.parametrize("name", list(DIETS))
def test_diets_draw_what_they_offer(name, sets):
    """A diet's offers hold, row for row, what its batches hold besides images to learn."""
    kind = DIETS.load(name)
    family = next(key for key in FAMILIES if FAMILIES.load(key).batches == name)
    _, rows = build(family, sets())
    assert isinstance(rows.diet, kind)
    batch, offer = rows.diet.draw(torch.Generator()), rows.diet.offer(0, torch.Generator())
    assert len(offer.given.labels) == 1
    assert set(offer.given.extra) <= set(batch.extra)
    for key, tensor in offer.given.extra.items():
        assert tensor.shape[1:] == batch.extra[key].shape[1:]
    assert batch.images is not None
    assert batch.images.min() >= -1 and batch.images.max() <= 1
    if batch.masks is not None:
        assert set(batch.masks.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("name", list(MONITORS))
def test_monitors_are_silent_about_a_healthy_history(name):
    """No monitor cries over steady figures, nor over none."""
    healthy = [
        {
            "step": step,
            "gradient_generator": 1.0,
            "gradient_discriminator": 1.0,
            "d_real": 0.6,
            "d_fake": 0.4,
            "d_accuracy": 0.65,
            "loss_x": 0.7,
            "score": 0.1,
            "diversity_0": 0.9,
            "diversity_1": 0.95,
            "near_training": 0.05,
            "d_train": 0.6,
            "d_validation": 0.58,
        }
        for step in range(40)
    ]
    monitor = MONITORS.load(name)()
    assert monitor.action in ("warn", "stop", "roll_back")
    assert monitor([]) is None
    assert monitor(healthy) is None
