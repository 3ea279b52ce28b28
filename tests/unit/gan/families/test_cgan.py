"""The conditional GAN: the class goes into both networks, as an input."""

from __future__ import annotations

import torch

from pipeline.gan.families.cgan import Cgan, CganOptions
from pipeline.gan.family import Batch, Shape

SHAPE = Shape(1, (16, 16), 3)


def family():
    """A small one, from a fixed seed."""
    torch.manual_seed(0)
    return Cgan(SHAPE, CganOptions(ngf=8, ndf=8, widest=16, latent=4))


def test_the_class_goes_into_both_networks():
    """One latent makes, and one image is judged, differently for each class."""
    model = family()
    labels = torch.arange(3)
    made = model.decode(torch.randn(1, 4).expand(3, 4), Batch(labels)).images
    judged = model.judge(Batch(labels, torch.rand(1, 1, 16, 16).expand(3, 1, 16, 16)))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not torch.equal(made[one], made[other])
        assert judged[one] != judged[other]


def test_the_class_comes_to_the_image_and_not_to_the_verdict_alone():
    """What a class adds to the logit depends on the image; a mere bias a class would not."""
    model = family()
    images = torch.rand(2, 1, 16, 16) * 2 - 1
    logits = [model.judge(Batch(torch.full((2,), label), 9 * images)) for label in (0, 1)]
    added = logits[1] - logits[0]
    assert not torch.isclose(added[0], added[1], rtol=1e-3, atol=0)


def test_real_and_generated_images_are_judged_as_of_the_same_classes():
    """A discriminator deaf to classes has one loss for all labels; a listening one has not."""
    images = torch.rand(3, 1, 16, 16)

    def loss(model, *labels):
        batch = Batch(torch.tensor(labels), images)
        for name, weight in model.networks["generator"].named_parameters():
            if name.endswith(("start.weight", "tell.weight")):
                weight.data[:, -3:] = 0
        return model.loss("discriminator", batch, torch.Generator().manual_seed(1)).terms

    deaf = family()
    deaf.networks["discriminator"].told.weight.data.zero_()
    assert torch.equal(loss(deaf, 0, 1, 2)["discriminator"], loss(deaf, 2, 2, 0)["discriminator"])
    told = family()
    assert loss(told, 0, 1, 2)["discriminator"] != loss(told, 2, 2, 0)["discriminator"]
