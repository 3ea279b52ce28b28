"""The auxiliary classifier GAN: what it costs either player to name classes wrongly."""

from __future__ import annotations

import math

import pytest
import torch

from pipeline.gan.families.acgan import Acgan, AcganOptions
from pipeline.gan.family import Batch, Shape

SHAPE = Shape(1, (16, 16), 3)
BATCH = Batch(torch.tensor([0, 1, 2, 2]), torch.rand(4, 1, 16, 16))


def family(**options):
    """A small one, from a fixed seed."""
    torch.manual_seed(0)
    sizes = {"ngf": 8, "ndf": 8, "widest": 16, "latent": 4}
    return Acgan(SHAPE, AcganOptions(**sizes, **options))


def report(model, phase):
    """What a phase's loss says on the batch."""
    return model.loss(phase, BATCH, torch.Generator().manual_seed(1))


def head(model, *biases):
    """Make the discriminator say the same of every image."""
    classes = model.networks["discriminator"].classes
    with torch.no_grad():
        classes.weight.zero_()
        classes.bias.copy_(torch.tensor(biases))


@pytest.mark.parametrize("phase", ["discriminator", "generator"])
def test_not_knowing_the_class_costs_its_logarithm(phase):
    """Equal odds for three classes: log 3 times the weight, for either player."""
    model = family(auxiliary=0.5)
    head(model, 0.0, 0.0, 0.0)
    terms = report(model, phase).terms
    expected = {"class_generated"} | ({"class_real"} if phase == "discriminator" else set())
    assert {name for name in terms if name.startswith("class")} == expected
    for name in expected:
        assert math.isclose(terms[name].item(), 0.5 * math.log(3), rel_tol=1e-6)


def test_both_players_are_rewarded_for_the_right_class():
    """Saying class 2 of all costs less than saying class 0, as half the batch is of class 2."""
    for phase in ("discriminator", "generator"):
        costs = []
        for biases in ((0.0, 0.0, 3.0), (3.0, 0.0, 0.0)):
            model = family()
            head(model, *biases)
            found = report(model, phase)
            costs.append(found.terms["class_generated"].item())
            share = 0.5 if biases[2] else 0.25
            assert found.figures["class_accuracy_generated"].item() == share
        assert costs[0] < costs[1]


def test_classes_can_be_learnt_from_real_images_alone():
    """Then the discriminator's loss has no class term of generated images, the generator's has."""
    model = family(names_generated=False)
    assert "class_generated" not in report(model, "discriminator").terms
    assert "class_real" in report(model, "discriminator").terms
    assert "class_generated" in report(model, "generator").terms


def test_the_penalty_judges_again_and_leaves_the_class_terms_as_they_are():
    """R1 asks for further logits; those of the first look are what is named."""
    model = family(augmentation=())
    plain, penalised = report(model, "discriminator").terms, report(model, "discriminator_r1").terms
    assert penalised["r1"].item() > 0
    for name in ("class_real", "class_generated"):
        assert torch.equal(plain[name], penalised[name])
