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

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import mse_loss

from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.gan import game
from pipeline.gan.adversarial import AdversarialOptions
from pipeline.gan.diets.low_high import LowHighOptions
from pipeline.gan.family import Batch, Decay, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.perceptual import Perceptual
from pipeline.gan.networks.refining import Critic, Refiner
from pipeline.gan.networks.resizing import reduced_size, resize
from pipeline.gan.view import View
from pipeline.imageset import ImageSet

_LEAST = 1e-4


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
                "generator": Refiner(
                    shape, options.factor, options.ngf, options.blocks, options.latent
                ),
                "discriminator": Critic(
                    shape,
                    options.factor,
                    options.ndf,
                    options.widest,
                    spectral_norm=options.spectral_norm,
                ),
                "perceptual": Perceptual(shape),
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
        critic = cast("Critic", self.networks["discriminator"])
        detail = critic.detail(torch.from_numpy(real.scaled()))
        critic.gain.fill_(1.0 / max(float(detail.std()), _LEAST))
        self._perceptual.fit(train, rng, steps=self.options.perceptual_steps)

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
                "content": self.options.content * self._perceptual.distance(made, real),
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
    def _generator(self) -> Refiner:
        return cast("Refiner", self.networks["generator"])

    @property
    def _perceptual(self) -> Perceptual:
        return cast("Perceptual", self.networks["perceptual"])

    def _refine(self, low: Tensor, rng: Generator) -> Tensor:
        shape = (len(low), self.options.latent, *self._low)
        drawn = torch.randn(shape, generator=rng, device=low.device)
        images: Tensor = self._generator(low, drawn)
        return images
