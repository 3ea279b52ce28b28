"""DiscoGAN's loss with translators that are known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.gan.families.discogan import Discogan, DiscoganOptions
from pipeline.gan.family import Batch, Shape


class Black(nn.Module):
    """Makes everything black, which no inverse undoes."""

    def forward(self, images):
        """An image of -1."""
        return 0 * images - 1


def test_pays_for_squares_of_what_is_not_reconstructed():
    """Twice the squared distances of 0.5 and of -0.5 from -1; there is no identity term."""
    options = DiscoganOptions(ngf=8, ndf=8, widest=16, cycle=2.0, augmentation=())
    family = Discogan(Shape(1, (8, 8), 1), options)
    family.networks["generator"] = family.networks["inverse"] = Black()
    shape = (4, 1, 8, 8)
    batch = Batch(
        torch.zeros(4), torch.full(shape, 0.5), extra={"sources": torch.full(shape, -0.5)}
    )
    report = family.loss("generator", batch, torch.Generator())
    assert report.terms["reconstruction"].item() == pytest.approx(2 * (1.5**2 + 0.5**2))
    assert set(report.terms) == {"generator", "inverse", "reconstruction"}
    assert report.figures["changed"].item() == pytest.approx(0.5)
