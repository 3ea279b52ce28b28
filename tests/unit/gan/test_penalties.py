"""Gradient penalties of critics whose gradients are known."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.penalties import gradient_penalty, path_lengths, r1

SLOPE = torch.tensor([3.0, 4.0]).reshape(1, 1, 2)


def linear(images):
    """A critic with the gradient (3, 4), of norm 5, everywhere."""
    return (images * SLOPE).flatten(1).sum(1)


def images(count):
    """Any images of two pixels."""
    return torch.randn(count, 1, 1, 2, generator=torch.Generator().manual_seed(0))


def test_r1_of_a_linear_critic():
    """Half the squared norm: 12.5, whatever the images."""
    assert r1(linear, images(7)).item() == pytest.approx(12.5, rel=1e-6)


def test_r1_of_a_quadratic_critic():
    """With D = |x|^2 / 2 the gradient is x itself: half the mean of |x|^2."""
    real = images(5)
    found = r1(lambda x: 0.5 * x.square().flatten(1).sum(1), real)
    assert found.item() == pytest.approx(0.5 * real.square().flatten(1).sum(1).mean().item())


def test_r1_of_patches_is_that_of_their_mean():
    """Four patches of one logit each count as that one logit, not as four."""
    patches = r1(lambda x: linear(x)[:, None].repeat(1, 4), images(7))
    assert patches.item() == pytest.approx(12.5, rel=1e-6)


def test_r1_reaches_the_critics_weights():
    """The penalty can be minimised: d/dw of (3w)^2 / 2 + (4w)^2 / 2 at w = 1 is 25."""
    weight = torch.ones((), requires_grad=True)
    r1(lambda x: linear(x) * weight, images(3)).backward()
    assert weight.grad.item() == pytest.approx(25.0, rel=1e-6)


@pytest.mark.parametrize(("scale", "expected"), [(1.0, 16.0), (0.2, 0.0), (0.0, 1.0)])
def test_gradient_penalty_of_a_linear_critic(scale, expected):
    """(norm - 1)^2 with norms 5, 1 and 0; a constant critic is legal and has a gradient."""
    weight = torch.tensor(scale, requires_grad=True)
    rng = torch.Generator().manual_seed(0)
    found = gradient_penalty(lambda x: linear(x) * weight, images(4), images(4), rng=rng)
    assert found.item() == pytest.approx(expected, abs=1e-5)
    found.backward()
    assert torch.isfinite(weight.grad)


def test_gradient_penalty_looks_between_real_and_fake():
    """Every point that the critic is asked about lies on the way from a fake to a real image."""
    asked = []

    def critic(x):
        asked.append(x.detach())
        return linear(x)

    rng = torch.Generator().manual_seed(0)
    gradient_penalty(critic, torch.ones(50, 1, 1, 2), torch.zeros(50, 1, 1, 2), rng=rng)
    points = asked[0].flatten(1)
    assert torch.equal(points[:, 0], points[:, 1])
    assert 0 <= points.min() < 0.2
    assert 0.8 < points.max() <= 1


def test_gradient_penalty_refuses_unequal_shapes():
    """Real and fake come in pairs."""
    with pytest.raises(ValueError, match="differ in shape"):
        gradient_penalty(linear, images(2), images(3), rng=torch.Generator())


def test_path_lengths_of_a_linear_map():
    """Images that are 3 times their styles: 3 times each direction's size, over root of pixels."""
    styles = torch.randn(5, 1, 4, requires_grad=True)
    found = path_lengths(3.0 * styles.reshape(5, 1, 2, 2), styles, rng=generator(1))
    directions = torch.randn(5, 1, 2, 2, generator=generator(1)).flatten(1)
    assert torch.allclose(found, 3.0 * directions.norm(dim=1) / 2.0, atol=1e-6)


def test_path_lengths_can_be_minimised():
    """They grow with the map's slope, and say so to its weight: length / weight, for each image."""
    weight = torch.tensor(2.0, requires_grad=True)
    styles = torch.randn(5, 1, 4, requires_grad=True)
    found = path_lengths(weight * styles.reshape(5, 1, 2, 2), styles, rng=generator(1))
    found.sum().backward()
    assert weight.grad.item() == pytest.approx(found.sum().item() / 2.0, rel=1e-5)


def generator(seed):
    """A seeded generator."""
    return torch.Generator().manual_seed(seed)
