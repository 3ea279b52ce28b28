"""The variational autoencoder's bound, its noise, and the codes that it draws."""

from __future__ import annotations

import math

import pytest
import torch

from pipeline.gan.families.vae import Vae, VaeOptions, _Noise
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
    """Half the logarithm of the mean squared error, a pixel."""
    report = terms(family())
    error = report.figures["error"]
    assert report.terms["reconstruction"].item() == pytest.approx(0.5 * error.log().item())


def test_the_decoder_learns_from_the_reconstruction_alone():
    """The noise's likelihood reaches the noise and the encoder, which has codes to tell it."""
    model = family()
    own = model.networks["autoencoder"]
    torch.nn.init.ones_(own.noise.tell.weight)
    terms(model).terms["noise"].backward()
    assert all(weight.grad is None for weight in own.inner.decode.parameters())
    for layer in (own.noise.tell, own.inner.mu, own.inner.logvar):
        assert layer.weight.grad.abs().sum() > 0


def test_noise_of_one_strength_is_likeliest_at_the_mean_square():
    """For variance v in all bands: (m / v + log v) / 2, as the transform keeps the square m."""
    noise = family().networks["autoencoder"].noise
    left = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(4))
    square = left.square().mean().item()
    found = []
    for variance in (0.5 * square, square, 2.0 * square):
        with torch.no_grad():
            noise.tell.bias.fill_(math.log(variance - 1e-4))
        found.append(noise.surprise(left, torch.zeros(4, LATENT)).item())
        expected = 0.5 * (square / variance + math.log(variance))
        assert found[-1] == pytest.approx(expected, rel=1e-4)
    assert found[1] == min(found)


@pytest.mark.parametrize("size", [(16, 16), (9, 13), (8, 9, 10)])
def test_noise_is_drawn_as_its_likelihood_has_it(size):
    """White noise made strong in coarse bands: neighbours correlate; the surprise is its entropy's.

    Of n normal numbers the mean square over the variance is 1 within 5 sqrt(2 / n).
    """
    torch.manual_seed(0)
    noise = _Noise(Shape(1, size, 1), LATENT)
    with torch.no_grad():
        noise.tell.bias.copy_(-torch.arange(8.0))
    codes = torch.zeros(64, LATENT)
    drawn = noise(torch.randn(64, 1, *size, generator=torch.Generator().manual_seed(5)), codes)
    beside = torch.stack([drawn[..., :-1].flatten(), drawn[..., 1:].flatten()])
    assert torch.corrcoef(beside)[0, 1] > 0.3
    entropy = 0.5 * (1.0 + noise._variance(codes, drawn).log().mean().item())
    within = 0.5 * 5.0 * math.sqrt(2.0 / drawn.numel())
    assert noise.surprise(drawn, codes).item() == pytest.approx(entropy, abs=within)


def test_codes_are_drawn_as_training_images_have_them():
    """Codes of mean 3 with spread 2 along one number and 1/2 of their own: variance 4 + 1/4."""
    model = family()
    own = model.networks["autoencoder"]
    mean = torch.full((8, LATENT), 3.0)
    mean[:4, 0], mean[4:, 0] = 5.0, 1.0
    for _ in range(2000):
        own.follow(mean, torch.full((8, LATENT), 2.0 * math.log(0.5)))
    drawn = own.codes(torch.cat([torch.zeros(1, LATENT), torch.eye(LATENT)]))
    assert torch.allclose(drawn[0], torch.full((LATENT,), 3.0), atol=1e-3)
    expected = torch.tensor([math.sqrt(4.25), *[0.5] * (LATENT - 1)])
    assert torch.allclose((drawn[1:] - drawn[0]).diagonal(), expected, atol=1e-3)


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
        model = family(truncation=truncation, noise=False)
        with torch.no_grad():
            one, other = model.decode(drawn, Batch(torch.tensor([0, 0]))).images
        apart.append((one - other).abs().mean().item())
    assert apart == sorted(apart, reverse=True)
    assert apart[0] > 1e-4 > 1e-6 > apart[-1]
