"""The fully connected GAN: maxout, dropout from the given generator, smoothed targets."""

from __future__ import annotations

import math

import torch

from pipeline.gan.families.vanilla import Vanilla, VanillaOptions
from pipeline.gan.family import Batch, Shape

SHAPE = Shape(1, (8, 8), 1)


def family(**options):
    """A small one, from a fixed seed."""
    torch.manual_seed(0)
    sizes = {"generator_units": 16, "discriminator_units": 400}
    return Vanilla(SHAPE, VanillaOptions(**{**sizes, **options}))


def test_a_maxout_unit_is_its_greatest_piece():
    """Pieces that lie beside one another belong to one unit."""
    discriminator = family(pieces=3).networks["discriminator"]
    units = discriminator._maxout(torch.tensor([[1.0, 5.0, 2.0, -3.0, -1.0, -2.0]]), None)
    assert units.tolist() == [[5.0, -1.0]]


def test_dropout_leaves_out_its_share_and_keeps_the_mean():
    """Of 400 x 50 units of 1, 30% become 0 (+- 5 standard deviations) and the rest 1 / 0.7."""
    discriminator = family(dropout=0.3, pieces=1).networks["discriminator"]
    units = discriminator._maxout(torch.ones(50, 400), torch.Generator().manual_seed(1))
    dropped = float((units == 0).float().mean())
    assert abs(dropped - 0.3) < 5 * math.sqrt(0.3 * 0.7 / 20_000)
    assert torch.allclose(units[units > 0], torch.tensor(1 / 0.7))


def test_dropout_is_drawn_from_the_generator_that_is_given_and_from_no_other():
    """The loss repeats with its generator, whatever the global state; a judge leaves nothing out.

    That is what lets an interrupted training continue to the same bits.
    """
    model = family()
    batch = Batch(torch.zeros(4, dtype=torch.long), torch.rand(4, 1, 8, 8))
    losses = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        report = model.loss("discriminator", batch, torch.Generator().manual_seed(3))
        losses.append(report.terms["discriminator"])
    assert torch.equal(*losses)
    assert torch.equal(model.judge(batch), model.judge(batch))


def test_real_images_have_the_target_nine_tenths():
    """For logits of 0 smoothing changes nothing; for sure ones, being surer costs.

    With all weights 0 and a last bias of b, the loss is .9 s(-b) + .1 s(b) + s(b) with softplus s.
    """
    model = family()
    assert model.options.smoothing == 0.1
    bias = 3.0
    with torch.no_grad():
        for parameter in model.networks["discriminator"].parameters():
            parameter.zero_()
        model.networks["discriminator"].logit.bias.fill_(bias)
    batch = Batch(torch.zeros(4, dtype=torch.long), torch.rand(4, 1, 8, 8))
    loss = model.loss("discriminator", batch, torch.Generator()).terms["discriminator"]
    expected = 0.9 * math.log1p(math.exp(-bias)) + 1.1 * math.log1p(math.exp(bias))
    assert math.isclose(loss.item(), expected, rel_tol=1e-6)
