"""The monitor of vanishing gradients."""

from __future__ import annotations

from pipeline.gan.monitors.vanishing_gradient import VanishingGradient


def history(norms, right=1.0, name="gradient_generator"):
    """Gradients beside a discriminator that is right so often."""
    return [{"step": i, name: norm, "d_accuracy": right} for i, norm in enumerate(norms)]


FALLING = [2.0, 2.0, *[0.01] * 5]


def test_tells_how_far_the_gradient_has_fallen():
    """To half a per cent, and of whose, once it has lasted for five rows."""
    message = VanishingGradient()(history(FALLING))
    assert "the generator's gradient has fallen to 0.50%" in message
    assert "non_saturating" in message
    assert VanishingGradient()(history(FALLING[:-1])) is None


def test_every_generator_is_watched_and_no_discriminator():
    """A sure discriminator's own gradient is small by right."""
    assert "inverse" in VanishingGradient()(history(FALLING, name="gradient_inverse"))
    assert VanishingGradient()(history(FALLING, name="gradient_first_discriminator")) is None


def test_a_small_gradient_near_equilibrium_is_none():
    """Where the discriminator is undecided, or has no share of right answers to tell."""
    assert VanishingGradient()(history(FALLING, right=0.6)) is None
    assert VanishingGradient()([{"gradient_generator": norm} for norm in FALLING]) is None


def test_lets_gradients_vary():
    """A tenth of what it was is still a gradient, and one large row shows that it lives."""
    assert VanishingGradient()(history([2.0, 2.0, *[0.2] * 5])) is None
    assert VanishingGradient()(history([2.0, 2.0, 0.01, 0.01, 1.0, 0.01, 0.01])) is None
