"""What passes through translators, and what discriminators of domains look at."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.gan.family import Shape
from pipeline.gan.networks.translators import DomainDiscriminator, MaskedTranslator, Recoder

SIZES = [(32, 32), (28, 20), (8, 16, 16)]


def images(size, count=2):
    """Random images of one channel in [-1, 1]."""
    return 2 * torch.rand((count, 1, *size), generator=torch.Generator().manual_seed(0)) - 1


@pytest.mark.parametrize("size", SIZES, ids=str)
@torch.no_grad()
def test_what_the_mask_leaves_out_is_the_source(size):
    """With the mask closed everywhere, the translation is the source to the last bit."""
    translator = MaskedTranslator(Shape(1, size, 1), 8, 16)
    given = images(size)
    assert not torch.equal(translator(given), given)
    translator.end.weight[-1] = 0
    translator.end.bias[-1] = -200
    assert torch.equal(translator(given), given)


@torch.no_grad()
def test_a_source_loses_nothing_to_half_precision():
    """With the mask closed, it comes out to the last bit although networks run in bfloat16."""
    translator = MaskedTranslator(Shape(1, (16, 16), 1), 8, 16)
    translator.end.weight[-1] = 0
    translator.end.bias[-1] = -200
    given = images((16, 16))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(translator(given), given)


@torch.no_grad()
def test_nothing_passes_by_the_code():
    """An encoder that says nothing leaves a decoder that makes one image of all sources."""
    recoder = Recoder(Shape(1, (16, 16), 1), 8, 16)
    for parameter in recoder.downs.parameters():
        nn.init.zeros_(parameter)
    one, other = recoder(images((16, 16)))
    assert torch.equal(one, other)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", [MaskedTranslator, Recoder])
@torch.no_grad()
def test_images_are_translated_one_by_one(kind, size):
    """Nothing of one image enters the translation of another."""
    translator = kind(Shape(1, size, 1), 8, 16)
    given = images(size)
    changed = torch.cat([given[:1], -given[1:]])
    assert torch.allclose(translator(given)[0], translator(changed)[0], atol=1e-6)


@torch.no_grad()
def test_patches_see_their_surroundings_only():
    """At 64 pixels the far corner changes no logit of the first patch, but one of the whole."""
    given = images((64, 64), 1)
    changed = given.clone()
    changed[..., 60:, 60:] = 0
    shape = Shape(1, (64, 64), 1)
    patches = DomainDiscriminator(shape, 4, 8, "patches", spectral_norm=False)
    assert patches(given).shape == (1, 16)
    moved = (patches(given) != patches(changed))[0]
    assert not moved[0] and moved[-1]
    whole = DomainDiscriminator(shape, 4, 8, "whole", spectral_norm=False)
    assert whole(given).shape == (1,)
    assert whole(given) != whole(changed)


def test_spectral_norm_bounds_every_layer():
    """The largest singular value of the last layer is one."""
    network = DomainDiscriminator(Shape(1, (16, 16), 1), 8, 16, "whole", spectral_norm=True)
    assert torch.linalg.matrix_norm(network.end.weight, 2).item() == pytest.approx(1, abs=1e-4)
