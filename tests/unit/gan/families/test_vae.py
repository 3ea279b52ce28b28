"""The variational autoencoder's bound and noise."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.families.vae import Vae, VaeOptions
from pipeline.gan.family import Batch, Shape

LATENT = 4


def family(**options):
    """A small one, from a fixed seed."""
    torch.manual_seed(0)
    sizes = {"ngf": 4, "widest": 8, "latent": LATENT}
    return Vae(Shape(1, (16, 16), 1), VaeOptions(**sizes, **options))


def batch():
    """Eight images."""
    images = torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    return Batch(torch.zeros(8, dtype=torch.int64), images)


def terms(model):
    """What the loss says."""
    return model.loss("bound", batch(), torch.Generator().manual_seed(2))


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_divergence_is_the_distance_to_the_prior(beta):
    """N(2, 1) in each of four numbers is 8 nats from the prior, over 256 pixels; N(0, 1) none."""
    model = family(beta=beta)
    own = model.networks["autoencoder"]
    with torch.no_grad():
        for layer in (own.inner.mu, own.inner.logvar):
            layer.weight.zero_()
            layer.bias.zero_()
        own.inner.mu.bias.fill_(2.0)
    report = terms(model)
    assert report.figures["nats"].item() == pytest.approx(8.0, rel=1e-5)
    assert report.terms["divergence"].item() == pytest.approx(beta * 8.0 / 256, rel=1e-5)
    with torch.no_grad():
        own.inner.mu.bias.zero_()
    assert terms(model).figures["nats"].item() == pytest.approx(0.0, abs=1e-6)


def test_reconstruction_is_a_likelihood_at_its_best_noise():
    """Half the logarithm of the mean squared error, a pixel; the noise follows the error."""
    model = family()
    report = terms(model)
    error = report.figures["error"]
    assert report.terms["reconstruction"].item() == pytest.approx(0.5 * error.log().item())
    for _ in range(500):
        model.networks["autoencoder"].follow(torch.tensor(0.09))
    assert model.networks["autoencoder"].noise_variance.item() == pytest.approx(0.09, rel=0.01)


def test_noise_in_the_pixels_is_by_choice():
    """Latents that differ in the noise alone make one image without it, and others with it."""
    drawn = torch.randn(2, LATENT + 256, generator=torch.Generator().manual_seed(3))
    drawn[1, :LATENT] = drawn[0, :LATENT]
    given = Batch(torch.tensor([0, 0]))
    for noise in (True, False):
        model = family(noise=noise)
        model.networks.eval()
        with torch.no_grad():
            one, other = model.decode(drawn, given).images
        assert torch.allclose(one, other, atol=1e-6) == (not noise)


def test_truncation_brings_images_nearer_to_each_other():
    """Latents shrunk to nothing all give the same image."""
    drawn = torch.randn(2, LATENT + 256, generator=torch.Generator().manual_seed(3))
    apart = []
    for truncation in (1.0, 0.5, 1e-6):
        model = family(truncation=truncation)
        with torch.no_grad():
            one, other = model.decode(drawn, Batch(torch.tensor([0, 0]))).images
        apart.append((one - other).abs().mean().item())
    assert apart == sorted(apart, reverse=True)
    assert apart[0] > 1e-4 > 1e-6 > apart[-1]
