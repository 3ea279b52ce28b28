"""DCGAN, one model per class, as in the study that this pipeline follows.

The architecture is the paper's: strided and transposed convolutions, batch normalisation, ReLU and
LeakyReLU, weights drawn from N(0, 0.02). The defaults differ where a class has a few dozen images
and a model a quarter of a minute, each an option:

- an eighth of the channels, and Adam at 1e-3 with betas (0.5, 0.99) instead of 2e-4, (0.5, 0.999);
- batches of 16 instead of 64 (128 in the paper), so that there are more steps;
- weights averaged over the last hundred steps or so, one-sided label smoothing, and a
  discriminator that sees everything shifted at random;
- real images mirrored at random instead of the classically augmented set: its noise, blur and
  rotations come back in what is generated (`copies: true` is the study's way).

Sources: Radford et al. 2016, arXiv:1511.06434; Frid-Adar et al. 2018, arXiv:1803.01229 (one model
a class, latent of 100, trained on the classically augmented set); label smoothing: Salimans et al.
2016, arXiv:1606.03498, section 3.4; R1: Mescheder et al. 2018, arXiv:1801.04406; differentiable
augmentation: Zhao et al. 2020, arXiv:2006.10738.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn.functional import leaky_relu, relu

from pipeline.augment import differentiable
from pipeline.config import Count, NotNegative, Positive
from pipeline.gan.family import Batch, Decay, Diet, Phase, Policies, Report, Shape, TrainingOptions
from pipeline.gan.layers import BATCH_NORMS, Pyramid, downs, ups, widths
from pipeline.gan.losses import LOSSES, LossName
from pipeline.gan.penalties import phases_with_r1, r1

_SLOPE = 0.2
_SPREAD = 0.02


class DcganOptions(TrainingOptions):
    """What can be chosen; see `TrainingOptions` for the rest.

    Attributes:
        ngf: Channels of the generator's finest level; they double at each coarser one.
        ndf: The same of the discriminator.
        widest: The most channels of any level.
        latent: Numbers that an image is made from.
        normalisation: The discriminator's; `batch` is the paper's, `none` suits R1.
        loss: Key of `losses.LOSSES`.
        smoothing: One-sided label smoothing, for the losses that have targets.
        r1_gamma: Strength of the R1 penalty; 0 is none.
        r1_every: Steps between two R1 penalties, which are weighted to keep the mean strength.
        augmentation: What the discriminator sees images through, in order.
    """

    steps: Count = 600
    batch: Count = 16
    copies: bool = False
    mirror: bool = True
    learning_rate: Positive = 1e-3
    betas: tuple[Decay, Decay] = (0.5, 0.99)
    ema: Decay = 0.99
    ngf: Count = 16
    ndf: Count = 16
    widest: Count = 64
    latent: Count = 100
    normalisation: Literal["batch", "none"] = "batch"
    loss: LossName = "non_saturating"
    smoothing: float = Field(default=0.1, ge=0.0, lt=0.5)
    r1_gamma: NotNegative = 0.0
    r1_every: Count = 8
    augmentation: Policies = ("translation",)


class Dcgan:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = DcganOptions
    conditional: ClassVar[bool] = False
    batches: ClassVar[Diet] = "plain"

    def __init__(self, shape: Shape, options: DcganOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = nn.ModuleDict(
            {
                "generator": _Generator(shape, options),
                "discriminator": _Discriminator(shape, options),
            }
        )
        self.networks.apply(_draw_weights)

    def phases(self, step: int) -> Sequence[Phase]:
        """A step of each player, the discriminator's with the penalty from time to time."""
        return phases_with_r1(step, gamma=self.options.r1_gamma, every=self.options.r1_every)

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """What the player minimises whose phase it is."""
        loss = LOSSES[self.options.loss]
        assert batch.images is not None
        if phase == "generator":
            logits = self._judge(self._generate(batch.images, rng), rng)
            return Report({"generator": loss.generator(logits)})
        with torch.no_grad():
            fake = self._generate(batch.images, rng)
        # Apart, so that batch statistics are of real images or of generated ones, never of both.
        real_logits, fake_logits = self._judge(batch.images, rng), self._judge(fake, rng)
        found = loss.discriminator(real_logits, fake_logits, self.options.smoothing)
        terms = {"discriminator": found}
        if phase == "discriminator_r1":
            weight = self.options.r1_gamma * self.options.r1_every
            penalty = r1(lambda images: self._judge(images, rng), batch.images)
            terms["r1"] = weight * penalty
        return Report(terms, real_logits, fake_logits)

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Tensor:  # noqa: ARG002
        """Generate (N, C, *spatial) in [-1, 1], image i from generator i alone."""
        length = self.options.latent
        latents = [torch.randn(length, generator=rng, device=rng.device) for rng in rngs]
        images: Tensor = self.networks["generator"](torch.stack(latents))
        return images

    def _generate(self, like: Tensor, rng: Generator) -> Tensor:
        shape = (len(like), self.options.latent)
        latents = torch.randn(shape, generator=rng, device=like.device)
        images: Tensor = self.networks["generator"](latents)
        return images

    def _judge(self, images: Tensor, rng: Generator) -> Tensor:
        seen = differentiable.augment(images, self.options.augmentation, rng=rng)
        logits: Tensor = self.networks["discriminator"](seen)
        return logits


class _Generator(nn.Module):
    """(N, latent) -> (N, C, *spatial) in [-1, 1]."""

    def __init__(self, shape: Shape, options: DcganOptions) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        dims, strides = shape.spatial_dims, self.pyramid.strides
        channels = widths(len(strides), options.ngf, options.widest)
        self.start = nn.Linear(options.latent, channels[0] * math.prod(self.pyramid.base))
        self.norms = nn.ModuleList(BATCH_NORMS[dims](width) for width in channels)
        self.ups = ups(dims, [*channels, shape.channels], strides)

    def forward(self, latents: Tensor) -> Tensor:
        images = self.start(latents).unflatten(1, (-1, *self.pyramid.base))
        for norm, step in zip(self.norms, self.ups, strict=True):
            images = step(relu(norm(images)))
        return self.pyramid.crop(torch.tanh(images))


class _Discriminator(nn.Module):
    """(N, C, *spatial) -> (N,) logits."""

    def __init__(self, shape: Shape, options: DcganOptions) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        dims, strides = shape.spatial_dims, self.pyramid.strides[::-1]
        channels = widths(len(strides), options.ndf, options.widest)[::-1]
        self.downs = downs(dims, [shape.channels, *channels], strides)
        # The paper normalises every layer but the one that sees pixels.
        normal = options.normalisation == "batch"
        self.norms = nn.ModuleList(
            BATCH_NORMS[dims](width) if normal and level else nn.Identity()
            for level, width in enumerate(channels)
        )
        self.whole = nn.Linear(channels[-1] * math.prod(self.pyramid.base), 1)

    def forward(self, images: Tensor) -> Tensor:
        found = self.pyramid.pad(images)
        for step, norm in zip(self.downs, self.norms, strict=True):
            found = leaky_relu(norm(step(found)), _SLOPE)
        logits: Tensor = self.whole(found.flatten(1)).squeeze(1)
        return logits


def _draw_weights(module: nn.Module) -> None:
    """Radford et al. 2016, section 4: all weights from N(0, 0.02)."""
    if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
        nn.init.normal_(module.weight, 0.0, _SPREAD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.modules.batchnorm._BatchNorm):
        nn.init.normal_(module.weight, 1.0, _SPREAD)
