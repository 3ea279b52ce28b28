"""StackGAN: a small image from a text, then the same text once more to refine it to full size.

The text is the class and the manifest's attribute columns ('malign, marked spiculation, solid
texture'); see `diets.text`. Stage I draws shape and grey levels at half the resolution; stage II
sees that image and the text, and adds what is too fine for stage I. Each has a discriminator,
which counts real images with another image's text as fakes, and each draws its condition from a
normal distribution about the text's embedding, held near to the standard one (conditioning
augmentation), so that few texts do not become few points.

Both stages are trained in one run, stage I for the first `first_share` of it. What differs from the
paper, which has thousands of photographs of 256 pixels and 1,200 epochs, for a few hundred scans
and two minutes:

- half the size in stage I instead of a quarter (`reduction`), and mismatched pairs are a quarter of
  the fakes' loss instead of a half (`matching`): ratings of lesions are noisy;
- Adam at 1e-3, R1 and a shifted view instead of batch normalisation at 2e-4;
- the text is told to the discriminators by a projection instead of at every place of a grid;
- stage II adds to the enlarged image of stage I, next to nothing at first, and at a lower rate: at
  32 pixels its discriminator finds little to mend, and a faster generator would drift.

Sources: Zhang et al. 2017, arXiv:1612.03242, section 3; matching-aware discriminator: Reed et al.
2016, arXiv:1605.05396, algorithm 1; projection: Miyato and Koyama 2018, arXiv:1802.05637; bodies:
Radford et al. 2016, arXiv:1511.06434; R1: Mescheder et al. 2018, arXiv:1801.04406; differentiable
augmentation: Zhao et al. 2020, arXiv:2006.10738.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.gan import game, latents
from pipeline.gan.adversarial import AdversarialOptions
from pipeline.gan.diets.text import TextOptions
from pipeline.gan.family import Batch, Decay, Mirror, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.bodies import SLOPE, DiscriminatorBody, GeneratorBody, ToldNorm
from pipeline.gan.networks.layers import (
    CONVOLUTIONS,
    LINEAR,
    SMALLEST_AXIS,
    Pyramid,
    spectrally_normalised,
    up,
)
from pipeline.gan.view import View

_FIRST = "first_"
_GROUP = 8
_FAINT = 0.01
_INSIDE = 0.99


class StackganOptions(AdversarialOptions, TextOptions):
    """What can be chosen; see `AdversarialOptions` and `TextOptions` for the rest.

    Attributes:
        ngf: Channels of the generators' finest levels; they double at each coarser one.
        ndf: The same of the discriminators.
        widest: The most channels of any level.
        latent: Numbers that an image is made from, beside its text.
        embedding: Numbers of a condition.
        first_share: Share of the steps that train stage I.
        frozen: Whether stage I stays as it is while stage II is trained.
        reduction: Pixels of an image along an axis for one of stage I; no axis gets below 8.
        blocks: Residual blocks of stage II.
        kl: Weight of the conditions' divergence from a standard normal distribution.
        matching: Share of the fakes' loss that is of real images with a wrong text.
    """

    steps: Count = 3000
    batch: Count = 16
    copies: bool = False
    mirror: Mirror = True
    learning_rate: Positive = 1e-3
    learning_rates: Mapping[str, Positive] = {
        "generator": 3e-4,
        "discriminator": 2e-3,
        "first_discriminator": 2e-3,
    }
    betas: tuple[Decay, Decay] = (0.0, 0.99)
    ngf: Count = 32
    ndf: Count = 32
    widest: Count = 128
    latent: Count = 64
    embedding: Count = 32
    r1_gamma: NotNegative = 0.1
    ema: Decay = 0.995
    first_share: float = Field(default=0.6, gt=0.0, lt=1.0)
    frozen: bool = True
    reduction: Literal[2, 4] = 2
    blocks: Count = 1
    kl: NotNegative = 0.03
    matching: Share = 0.25


class Stackgan:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = StackganOptions
    conditional: ClassVar[bool] = True
    batches: ClassVar[str] = "text"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: StackganOptions) -> None:
        """Build the networks."""
        self.options = options
        steps = _steps(shape.size, options.reduction)
        self._small = steps.base
        small = replace(shape, size=steps.base)
        self.networks = nn.ModuleDict(
            {
                "first_generator": _FirstGenerator(small, options),
                "first_discriminator": _Discriminator(small, options),
                "generator": _Refiner(shape, steps, options),
                "discriminator": _Discriminator(shape, options),
                "view": View(options),
            }
        )

    def phases(self, step: int) -> Sequence[Phase]:
        """Steps of both players of stage I, and later on of stage II."""
        if step < self.options.first_share * self.options.steps:
            first = game.phases(
                self.options,
                step,
                generator=(_FIRST + "generator",),
                discriminator=(_FIRST + "discriminator",),
            )
            return tuple(replace(phase, name=_FIRST + phase.name) for phase in first)
        trained = ("generator",) if self.options.frozen else (_FIRST + "generator", "generator")
        return game.phases(self.options, step, generator=trained)

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """What the player minimises whose phase it is."""
        assert batch.images is not None
        first = phase.startswith(_FIRST)
        player = phase.removeprefix(_FIRST)
        text = batch.extra["text"]
        if player == "generator":
            images, divergence = self._generate(text, rng, first=first)
            report = game.generate(self.options, self._judge(text, rng, first=first)(images))
            return replace(report, terms={**report.terms, "kl": self.options.kl * divergence})
        with torch.no_grad():
            fake, _ = self._generate(text, rng, first=first)
        real = interpolate(batch.images, size=self._small, mode="area") if first else batch.images
        return game.discriminate(
            self.options,
            player,
            self._judge(text, rng, first=first),
            real,
            fake,
            rng=rng,
            mismatched=self._judge(batch.extra["wrong_text"], rng, first=first),
            matching=self.options.matching,
        )

    def after_step(self, phase: str, report: Report) -> None:
        """Clip the discriminator, adapt the view."""
        stage = _FIRST if phase.startswith(_FIRST) else ""
        judging = nn.ModuleDict(
            {
                "discriminator": self.networks[stage + "discriminator"],
                "view": self.networks["view"],
            }
        )
        game.after_step(self.options, phase.removeprefix(_FIRST), report, judging)

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Generate N images of the given texts, image i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, latent and both stages' conditions), row i from generator i."""
        return latents.normal(self._length, rngs, truncation=self.options.truncation)

    def decode(self, latents: Tensor, given: Batch) -> Sampled:
        """Generate an image of the given text from each latent."""
        images, _ = self._made(latents, given.extra["text"], first=False)
        return Sampled(images)

    @property
    def _length(self) -> int:
        return self.options.latent + 2 * self.options.embedding

    def _generate(self, text: Tensor, rng: Generator, *, first: bool) -> tuple[Tensor, Tensor]:
        drawn = torch.randn((len(text), self._length), generator=rng, device=text.device)
        return self._made(drawn, text, first=first)

    def _made(self, drawn: Tensor, text: Tensor, *, first: bool) -> tuple[Tensor, Tensor]:
        """Images of stage I or II, and the divergence of the conditions that made them."""
        wanted = [self.options.latent, self.options.embedding, self.options.embedding]
        latent, noise, second_noise = torch.split(drawn, wanted, dim=1)
        small, divergence = self.networks["first_generator"](latent, text, noise)
        if first:
            return small, divergence
        images, second = self.networks["generator"](small, text, second_noise)
        return images, second if self.options.frozen else divergence + second

    def _judge(self, text: Tensor, rng: Generator, *, first: bool) -> game.Judge:
        discriminator = self.networks[(_FIRST if first else "") + "discriminator"]

        def judge(images: Tensor) -> Tensor:
            told = text.repeat(len(images) // len(text), 1)
            logits: Tensor = discriminator(self.networks["view"](images, rng), told)
            return logits

        return judge


class _Condition(nn.Module):
    """(N, words) and noise (N, embedding) -> (N, embedding) and its mean divergence per number.

    Source: Zhang et al. 2017, section 3.2 and equation 2; the mean over numbers is the authors'.
    """

    def __init__(self, words: int, embedding: int) -> None:
        super().__init__()
        self.normal = nn.Linear(words, 2 * embedding)

    def forward(self, text: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.normal(text).chunk(2, dim=1)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)
        return mean + noise * (0.5 * log_variance).exp(), divergence.mean()


class _FirstGenerator(nn.Module):
    """Stage I: latents, (N, words), noise -> (N, C, *small) in [-1, 1], and the divergence."""

    def __init__(self, shape: Shape, options: StackganOptions) -> None:
        super().__init__()
        self.condition = _Condition(shape.words, options.embedding)
        self.body = GeneratorBody(
            shape, options.latent, options.embedding, finest=options.ngf, widest=options.widest
        )

    def forward(self, drawn: Tensor, text: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        condition, divergence = self.condition(text, noise)
        return self.body(drawn, condition), divergence


class _Refiner(nn.Module):
    """Stage II: (N, C, *small), (N, words), noise -> (N, C, *spatial), and the divergence."""

    def __init__(self, shape: Shape, steps: Pyramid, options: StackganOptions) -> None:
        super().__init__()
        self.pyramid = steps
        dims, levels = shape.spatial_dims, len(steps.strides)
        channels = [max(_GROUP, options.ngf // 2**level) for level in range(levels + 1)]
        self._enlarge = LINEAR[dims]
        self.condition = _Condition(shape.words, options.embedding)
        self.enter = CONVOLUTIONS[dims](shape.channels, channels[0], 3, 1, 1)
        self.blocks = nn.ModuleList(
            _Block(dims, channels[0], options.embedding) for _ in range(options.blocks)
        )
        self.norms = nn.ModuleList(
            ToldNorm(width, options.embedding, start=_FAINT) for width in channels
        )
        pairs = zip(pairwise(channels), steps.strides, strict=True)
        self.ups = nn.ModuleList(up(dims, *pair, stride) for pair, stride in pairs)
        self.leave = CONVOLUTIONS[dims](channels[-1], shape.channels, 3, 1, 1)
        with torch.no_grad():
            for parameter in self.leave.parameters():
                parameter.mul_(_FAINT)

    def forward(self, images: Tensor, text: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        condition, divergence = self.condition(text, noise)
        features = self.enter(images)
        for block in self.blocks:
            features = block(features, condition)
        for norm, step in zip(self.norms[:-1], self.ups, strict=True):
            features = step(leaky_relu(norm(features, condition), SLOPE))
        added = self.leave(leaky_relu(self.norms[-1](features, condition), SLOPE))
        large = interpolate(images, size=self.pyramid.padded, mode=self._enlarge)
        refined = torch.tanh(torch.atanh(_INSIDE * large) + added)
        return self.pyramid.crop(refined), divergence


class _Block(nn.Module):
    """A residual block: what two convolutions make of features is added to them."""

    def __init__(self, spatial_dims: int, width: int, told: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(ToldNorm(width, told, start=_FAINT) for _ in range(2))
        self.convolutions = nn.ModuleList(
            CONVOLUTIONS[spatial_dims](width, width, 3, 1, 1) for _ in range(2)
        )

    def forward(self, features: Tensor, told: Tensor) -> Tensor:
        found = features
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            found = convolution(leaky_relu(norm(found, told), SLOPE))
        return features + found


class _Discriminator(nn.Module):
    """(N, C, *spatial) and (N, words) -> (N,) logits: is it real, and does the text fit?"""

    def __init__(self, shape: Shape, options: StackganOptions) -> None:
        super().__init__()
        self.body = DiscriminatorBody(shape, finest=options.ndf, widest=options.widest)
        self._places = math.prod(self.body.pyramid.base)
        self.whole = nn.Linear(self.body.features, 1)
        self.read = nn.Linear(shape.words, self.body.features // self._places, bias=False)
        nn.init.zeros_(self.read.weight)
        if options.spectral_norm:
            spectrally_normalised(self)

    def forward(self, images: Tensor, text: Tensor) -> Tensor:
        seen = self.body(images)
        # The sum over places grows with their number; its root keeps the two parts of one size.
        summed = seen.unflatten(1, (-1, self._places)).sum(2) / math.sqrt(self._places)
        logits: Tensor = self.whole(seen).squeeze(1) + (self.read(text) * summed).sum(1)
        return logits


def _steps(size: Sequence[int], reduction: int) -> Pyramid:
    """From stage I's images (the base) to full size, as many halvings as leave 8 pixels."""
    halvings = [
        min(round(math.log2(reduction)), int(math.log2(max(1.0, axis / SMALLEST_AXIS))))
        for axis in size
    ]
    strides = tuple(
        tuple(2 if level < count else 1 for count in halvings) for level in range(max(1, *halvings))
    )
    base = tuple(-(-axis // 2**count) for axis, count in zip(size, halvings, strict=True))
    return Pyramid(tuple(size), base, strides)
