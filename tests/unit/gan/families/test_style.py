"""What the style family adds to the game: mixing, path lengths, adaptive augmentation."""

from __future__ import annotations

import pytest
import torch

from pipeline.gan.families.style import Style, StyleOptions
from pipeline.gan.family import Batch, Shape
from pipeline.gan.networks.layers import with_spread

SMALL = {"batch": 4, "steps": 6, "ngf": 4, "ndf": 4, "widest": 8, "latent": 6, "styles": 5}


def family(**options):
    """A small family of two classes."""
    torch.manual_seed(0)
    return Style(Shape(1, (16, 16), 2), StyleOptions(**{**SMALL, **options}))


def batch():
    """Four random images, two of each class."""
    rng = torch.Generator().manual_seed(0)
    images = torch.rand(4, 1, 16, 16, generator=rng) * 2 - 1
    return Batch(torch.tensor([0, 1, 0, 1]), images)


def rng(seed=0):
    """A seeded generator."""
    return torch.Generator().manual_seed(seed)


def test_penalises_path_lengths_every_so_many_rounds():
    """Lazily: in one round of four, and then beside the generator's own loss."""
    style = family(path_length=2.0, path_length_every=4)
    names = [style.phases(step)[-1].name for step in range(5)]
    assert names == ["generator_path_length", *["generator"] * 3, "generator_path_length"]
    assert set(style.loss(names[0], batch(), rng()).terms) == {"generator", "path_length"}
    assert set(style.loss(names[1], batch(), rng()).terms) == {"generator"}
    assert all(phase.name != names[0] for phase in family(path_length=0.0).phases(0))


def test_follows_the_mean_path_length():
    """The running mean moves a hundredth of the way to what a step found."""
    style = family(path_length=2.0)
    report = style.loss("generator_path_length", batch(), rng())
    style.after_step("generator_path_length", report)
    expected = 0.01 * report.figures["path_length"].item()
    assert style.networks["generator"].path_length.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("mixing", [0.0, 1.0])
def test_mixing_gives_the_finest_level_another_style(mixing):
    """With mixing 1 every image's last level follows the other style, its first never does."""
    style = family(mixing=mixing)
    own, other = torch.zeros(64, 3, 5), torch.ones(64, 3, 5)
    mixed = style._mixed(own, other, rng())
    assert (mixed[:, 0] == 0).all()
    assert (mixed[:, -1] == mixing).all()
    middle = mixed[:, 1].mean().item()
    # Each image's cut is a fair coin: five standard deviations of the mean of 64 are 0.31.
    assert middle == pytest.approx(0.5 * mixing, abs=0.31)


def test_logs_the_adaptive_augmentation():
    """A discriminator that is sure of every real image raises the probability, which is logged."""
    style = family(adaptive_target=0.5, adaptive_images=100.0, augmentation=("translation",))
    with torch.no_grad():
        style.networks["discriminator"].whole.bias.fill_(100.0)
    found = []
    for _ in range(9):
        report = style.loss("discriminator", batch(), rng())
        style.after_step("discriminator", report)
        found.append(report.figures["augmentation"].item())
    assert report.figures["real_sign"].item() == 1.0
    # Every fourth step moves it by 4 steps of 4 images out of 100.
    assert found == pytest.approx([0.0] * 4 + [0.16] * 4 + [0.32])


def test_truncation_takes_diversity():
    """Near the mean style, with silent noise, two images of a class are nearly one."""
    wide, narrow = family(), family(truncation=1e-3)
    given = Batch(torch.tensor([0, 0]))
    with torch.no_grad():
        one, other = wide.sample(given, [rng(1), rng(2)]).images
        assert (one - other).abs().max() > 1e-2
        one, other = narrow.sample(given, [rng(1), rng(2)]).images
        assert (one - other).abs().max() < 1e-2


def test_spread_is_the_minibatchs_standard_deviation():
    """Minibatches (-1, 1) and (5, 5) of one value an image: 1 and 0, the same for each of both."""
    features = torch.tensor([-1.0, 1.0, 5.0, 5.0])[:, None].expand(4, 2)
    found = with_spread(features, 2)
    assert torch.equal(found[:, :2], features)
    assert torch.allclose(found[:, 2], torch.tensor([1.0, 1.0, 0.0, 0.0]), atol=1e-3)


def test_judges_each_minibatch_by_itself():
    """Logits of real images do not depend on the generated ones beside them."""
    discriminator = family().networks["discriminator"]
    real, fake = batch().images, torch.zeros(4, 1, 16, 16)
    labels = batch().labels
    both = discriminator(torch.cat([real, fake]), labels)
    assert torch.allclose(both[:4], discriminator(real, labels), atol=1e-6)
    assert torch.allclose(both[4:], discriminator(fake, labels), atol=1e-6)
