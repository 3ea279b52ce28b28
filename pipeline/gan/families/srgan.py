"""Super-resolution as a source of images: detail made anew on a reduced copy of a training image.

The paper's parts: a residual network at the reduced size with sub-pixel enlargement, a first phase
on pixels alone, then an adversarial one with a content loss in the features of a network. That
network is trained on the fold's own training rows before the first step, to tell the classes apart,
and then kept as it is. The defaults differ for a few hundred small images, each an option or here:

- the network adds its detail to the cubic enlargement, and has no batch normalisation: the first
  step is as good as interpolation, and an image is made from its own pixels alone;
- noise enters beside the reduced image, so that each seed makes other detail of the same copy;
- pixels are compared in the second phase too, but reduced again: detail must not contradict what
  was given, and is free beyond that, where comparing every pixel would ask for the blurred mean;
- the discriminator is shown the detail beside the image, see there;
- features are normalised before they are compared, so that a network of any scale will do.

Sources: Ledig et al. 2017, arXiv:1609.04802, section 2 and figure 4; sub-pixel layers: Shi et al.
2016, arXiv:1609.05158, equation 4; normalised features: Zhang et al. 2018, arXiv:1801.03924,
equation 1; no batch normalisation: Lim et al. 2017, arXiv:1707.02921, section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, cast

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import leaky_relu, mse_loss

from pipeline.classifier.batches import TrainingDiet
from pipeline.classifier.small_resnet import SmallResNet
from pipeline.classifier.training import Budget, train
from pipeline.compute import Machine
from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.data import Pool
from pipeline.gan import game
from pipeline.gan.adversarial import AdversarialOptions
from pipeline.gan.diets.low_high import LowHighOptions
from pipeline.gan.family import Batch, Decay, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.layers import CONVOLUTIONS, Pyramid, downs, spectrally_normalised, widths
from pipeline.gan.resizing import enlargements, reduced_size, reductions, resize
from pipeline.gan.view import View
from pipeline.imageset import ImageSet

_SLOPE = 0.2
_SMALL = 0.1
_HELD_OUT = 0.2
_PERCEPTUAL = SmallResNet.Options(channels=(8, 16, 32), norm="batch")


class SrganOptions(AdversarialOptions, LowHighOptions):
    """What can be chosen; see `AdversarialOptions` and `LowHighOptions` for the rest.

    Attributes:
        ngf: Channels of the generator.
        ndf: Channels of the discriminator's finest level; they double at each coarser one.
        widest: The most channels of any level of the discriminator.
        blocks: Residual blocks at the reduced size; 16 in the paper.
        latent: Channels of noise beside the reduced image.
        pretraining: Share of the steps on pixels alone.
        content: Weight of the distance of features, against an adversarial loss of weight 1.
        pixel: Weight of the distance of pixels, reduced again.
        perceptual_steps: Steps in which the network for the features is trained.
    """

    steps: Count = 1500
    batch: Count = 16
    learning_rate: Positive = 1e-3
    learning_rates: Mapping[str, Positive] = {"discriminator": 2e-3}
    betas: tuple[Decay, Decay] = (0.0, 0.99)
    r1_gamma: NotNegative = 0.0005
    ngf: Count = 32
    ndf: Count = 32
    widest: Count = 128
    blocks: Count = 4
    latent: Count = 4
    pretraining: Share = 0.3
    content: NotNegative = 1.0
    pixel: NotNegative = 10.0
    perceptual_steps: Count = 300


class Srgan:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = SrganOptions
    conditional: ClassVar[bool] = True
    batches: ClassVar[str] = "low_high"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: SrganOptions) -> None:
        """Build the networks."""
        self.options = options
        self._low = reduced_size(shape.size, options.factor)
        self.networks = nn.ModuleDict(
            {
                "generator": _Generator(shape, options),
                "discriminator": _Discriminator(shape, options),
                "perceptual": SmallResNet(shape.channels, shape.size, shape.classes, _PERCEPTUAL),
                "view": View(options),
            }
        )

    def prepare(self, train: ImageSet, rng: np.random.Generator) -> None:
        """Train the network in whose features images are compared, to tell the classes apart.

        Args:
            train: Training rows; those of some patients choose among its checkpoints.
            rng: Draws these patients and the batches.
        """
        real = train.take(train.manifest["origin"].eq("real").to_numpy(bool))
        critic = cast("_Discriminator", self.networks["discriminator"])
        detail = critic.detail(torch.from_numpy(real.scaled()))
        critic.gain.fill_(1.0 / max(float(detail.std()), _SMALL**4))
        _train_perceptual(
            self.networks["perceptual"], train, rng, steps=self.options.perceptual_steps
        )

    def phases(self, step: int) -> Sequence[Phase]:
        """Pixels first, then steps of both players."""
        if step < self.options.pretraining * self.options.steps:
            return (Phase("pretraining", ("generator",)),)
        return game.phases(self.options, step)

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """What the player minimises whose phase it is."""
        assert batch.images is not None
        real, low = batch.images, batch.extra["low"]

        def judge(images: Tensor) -> Tensor:
            logits: Tensor = self.networks["discriminator"](self.networks["view"](images, rng))
            return logits

        if phase == "pretraining":
            return Report({"pixel": mse_loss(self._refine(low, rng), real)})
        if phase == "generator":
            made = self._refine(low, rng)
            report = game.generate(self.options, judge(made))
            again = resize(made, self._generator.reductions)
            terms = {
                "content": self.options.content * self._content(made, real),
                "pixel": self.options.pixel * mse_loss(again, low),
            }
            return Report({**report.terms, **terms})
        with torch.no_grad():
            fake = self._refine(low, rng)
        return game.discriminate(self.options, phase, judge, real, fake, rng=rng)

    def after_step(self, phase: str, report: Report) -> None:
        """Clip the discriminator, adapt its view."""
        game.after_step(self.options, phase, report, self.networks)

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Refine N reduced images, image i with the noise of generator i."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, latent, *reduced), row i from generator i."""
        shape = (self.options.latent, *self._low)
        drawn = [torch.randn(shape, generator=rng, device=rng.device) for rng in rngs]
        return self.options.truncation * torch.stack(drawn)

    def decode(self, latents: Tensor, given: Batch) -> Sampled:
        """Refine each reduced image with its noise."""
        return Sampled(self._generator(given.extra["low"], latents).clamp(-1.0, 1.0))

    def judge(self, batch: Batch) -> Tensor:
        """The discriminator's logits (N,) for images as they are."""
        logits: Tensor = self.networks["discriminator"](batch.images)
        return logits

    @property
    def _generator(self) -> _Generator:
        return cast("_Generator", self.networks["generator"])

    def _refine(self, low: Tensor, rng: Generator) -> Tensor:
        shape = (len(low), self.options.latent, *self._low)
        drawn = torch.randn(shape, generator=rng, device=low.device)
        images: Tensor = self._generator(low, drawn)
        return images

    def _content(self, made: Tensor, real: Tensor) -> Tensor:
        """Mean squared distance of normalised features, summed over the network's stages."""
        # Its statistics are those of its own training, whatever mode the others are in.
        network = cast("SmallResNet", self.networks["perceptual"]).eval()
        with torch.no_grad():
            wanted = _features(network, real)
        found = _features(network, made)
        distances = [
            (own - other).square().sum(1).mean() for own, other in zip(found, wanted, strict=True)
        ]
        return torch.stack(distances).sum()


class _Generator(nn.Module):
    """(N, C, *reduced) and noise (N, latent, *reduced) -> (N, C, *spatial), about [-1, 1]."""

    def __init__(self, shape: Shape, options: SrganOptions) -> None:
        super().__init__()
        convolution, width = CONVOLUTIONS[shape.spatial_dims], options.ngf
        self.start = convolution(shape.channels + options.latent, width, 3, padding=1)
        self.blocks = nn.ModuleList(_Residual(convolution, width) for _ in range(options.blocks))
        self.end = convolution(width, width, 3, padding=1)
        self.wider = nn.ModuleList(
            convolution(width, width * 2**shape.spatial_dims, 3, padding=1)
            for _ in range(round(math.log2(options.factor)))
        )
        self.sharper = convolution(width, width, 3, padding=1)
        self.image = convolution(width, shape.channels, 3, padding=1)
        with torch.no_grad():
            cast("nn.Conv2d", self.image).weight.mul_(_SMALL)
        self._size = shape.size
        for axis, matrix in enumerate(enlargements(shape.size, options.factor)):
            self.register_buffer(f"enlarge{axis}", matrix, persistent=False)
        for axis, matrix in enumerate(reductions(shape.size, options.factor)):
            self.register_buffer(f"reduce{axis}", matrix, persistent=False)

    @property
    def reductions(self) -> list[Tensor]:
        """By axis the matrix that reduces an image again."""
        return [self.get_buffer(f"reduce{axis}") for axis in range(len(self._size))]

    def forward(self, low: Tensor, noise: Tensor) -> Tensor:
        first = leaky_relu(self.start(torch.cat([low, noise], dim=1)), _SLOPE)
        features = first
        for block in self.blocks:
            features = block(features)
        features = first + self.end(features)
        for wider in self.wider:
            features = leaky_relu(shuffled(wider(features)), _SLOPE)
        for axis, length in enumerate(self._size, start=2):
            features = features.narrow(axis, 0, length)
        detail: Tensor = self.image(leaky_relu(self.sharper(features), _SLOPE))
        matrices = [self.get_buffer(f"enlarge{axis}") for axis in range(len(self._size))]
        return resize(low, matrices) + detail


class _Residual(nn.Module):
    """Two convolutions beside a shortcut; same shape in and out."""

    def __init__(self, convolution: Callable[..., nn.Module], width: int) -> None:
        super().__init__()
        self.first = convolution(width, width, 3, padding=1)
        self.second = convolution(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        changed: Tensor = self.second(leaky_relu(self.first(features), _SLOPE))
        return features + changed


class _Detail(nn.Module):
    """What is lost of (N, C, *spatial) when it is reduced and enlarged again."""

    def __init__(self, size: tuple[int, ...], factor: int) -> None:
        super().__init__()
        pairs = zip(reductions(size, factor), enlargements(size, factor), strict=True)
        self._names = []
        for axis, (down, up) in enumerate(pairs):
            self._names.append(f"blur{axis}")
            self.register_buffer(self._names[-1], down @ up, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return images - resize(images, [self.get_buffer(name) for name in self._names])


class _Discriminator(nn.Module):
    """(N, C, *spatial) -> (N,) logits.

    It is shown the detail apart, as strong as the image: only there do real and refined images
    differ, by a few hundredths, and a discriminator of images alone takes long to look there.
    """

    gain: Tensor

    def __init__(self, shape: Shape, options: SrganOptions) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        self.detail = _Detail(shape.size, options.factor)
        self.register_buffer("gain", torch.tensor(1.0))
        dims, strides = shape.spatial_dims, self.pyramid.strides[::-1]
        channels = widths(len(strides), options.ndf, options.widest)[::-1]
        self.downs = downs(dims, [2 * shape.channels, *channels], strides)
        self.whole = nn.Linear(channels[-1] * math.prod(self.pyramid.base), 1)
        if options.spectral_norm:
            spectrally_normalised(self)

    def forward(self, images: Tensor) -> Tensor:
        both = torch.cat([images, self.gain * self.detail(images)], dim=1)
        found = self.pyramid.pad(both)
        for step in self.downs:
            found = leaky_relu(step(found), _SLOPE)
        logits: Tensor = self.whole(found.flatten(1)).squeeze(1)
        return logits


def shuffled(features: Tensor) -> Tensor:
    """Lay groups of 2^dims channels out as blocks of 2 pixels an axis.

    Args:
        features: (N, C * 2^dims, *spatial).

    Returns:
        (N, C, *twice the spatial).

    Source: Shi et al. 2016, arXiv:1609.05158, equation 4; here for any number of axes.
    """
    dims = features.ndim - 2
    parts = features.reshape(len(features), -1, *[2] * dims, *features.shape[2:])
    order = [0, 1]
    for axis in range(dims):
        order += [2 + dims + axis, 2 + axis]
    laid = parts.permute(order)
    for axis in range(dims):
        laid = laid.flatten(2 + axis, 3 + axis)
    return laid


def _features(network: SmallResNet, images: Tensor) -> list[Tensor]:
    """What each stage sees, of length 1 across channels at every place."""
    found = [network.stem(images)]
    for block in network.blocks:
        found.append(block(found[-1]))
    return [each / (each.square().sum(1, keepdim=True) + 1e-6).sqrt() for each in found]


def _train_perceptual(
    network: nn.Module, rows: ImageSet, rng: np.random.Generator, *, steps: int
) -> None:
    """Train a classifier in place; rows of a fifth of the patients choose its checkpoint."""
    patients = rows.manifest["patient_id"]
    names = rng.permutation(patients.unique())
    held = patients.isin(names[: math.ceil(_HELD_OUT * len(names))]).to_numpy(bool)
    budget = Budget(
        steps=steps,
        batch=16,
        learning_rate=2e-3,
        weight_decay=1e-2,
        evaluate_every=max(1, steps // 4),
    )
    trained = train(
        network,
        TrainingDiet([Pool(rows.take(~held if not held.all() else held))]),
        rows.take(held),
        budget,
        Machine(),
        seed=int(rng.integers(2**31)),
    )
    network.load_state_dict(trained.network.state_dict())
