"""A small style-based GAN: a mapping network, modulated convolutions, adaptive augmentation.

The class and a latent become a style, which tells every level of the generator what to draw; noise
of its own, drawn with the latent, gives every level the grain that no style should have to encode.
Each level adds its image to the enlarged one of the level before, and the discriminator can be made
to see images through an augmentation that grows only as it begins to learn them by heart.

It is StyleGAN2 sized for a few hundred images and two minutes of a CPU. The defaults differ from
the paper's where that was measured to help:

- one convolution a level instead of two, on the coarse side of the enlargement instead of the fine
  one, where it costs a quarter; only the last image has a convolution at full resolution;
- a sixteenth of the channels, two mapping layers instead of eight, which learn faster;
- a plain discriminator, told the class by projection, whose weights are not equalised; the spread
  of the minibatch goes straight to its last layer;
- the augmentation is always on: so short a training does not get the discriminator to learn images
  by heart, so that an adaptive one stays off (`adaptive_target` is an option);
- no style mixing and no path lengths, as the paper's authors leave them out for their smallest
  images; both are options;
- a higher rate for the generator, and rates that fall to zero: trainings are a thousand times
  shorter.

Sources: Karras et al. 2020, arXiv:1912.04958 (modulation, skip outputs, lazy regularisation, path
lengths); Karras et al. 2019, arXiv:1812.04948 (mapping, noise, mixing, truncation); Karras et al.
2020, arXiv:2006.06676 (adaptive augmentation); Karras et al. 2018, arXiv:1710.10196 (minibatch
standard deviation); Miyato and Koyama 2018, arXiv:1802.05637 (projection).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import leaky_relu

from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.gan import game, latents
from pipeline.gan.adversarial import AdversarialOptions
from pipeline.gan.family import (
    Batch,
    Decay,
    Mirror,
    Phase,
    Report,
    Sampled,
    Shape,
    TrainingOptions,
)
from pipeline.gan.networks.layers import (
    Pyramid,
    downs,
    spectrally_normalised,
    widths,
    with_spread,
)
from pipeline.gan.networks.modulated import MappingNetwork, SynthesisNetwork
from pipeline.gan.penalties import path_lengths
from pipeline.gan.view import View

_SLOPE = 0.2
_LAG = 0.99


class StyleOptions(AdversarialOptions):
    """What can be chosen; see `AdversarialOptions` for the rest.

    Attributes:
        ngf: Channels of the generator's finest level; they double at each coarser one.
        ndf: Channels of the discriminator's finest level; the same.
        widest: The most channels of any level.
        latent: Numbers that a style is made from, beside its class.
        styles: Numbers of a style.
        mapping_layers: Layers between latent and style.
        mapping_speed: How fast they learn, relative to the generator's rate.
        mixing: Share of images in training whose finer levels follow a second style.
        path_length: Weight of the penalty on steps in style space that change images unevenly; 0
            is none, 2 the paper's.
        path_length_every: Rounds between two such penalties, which are weighted to keep the mean
            strength.
        truncation: Factor of a style's distance to its class's mean style when sampling.
    """

    steps: Count = 2000
    batch: Count = 16
    copies: bool = False
    mirror: Mirror = True
    learning_rate: Positive = 7e-3
    learning_rates: Mapping[str, Positive] = {"discriminator": 2e-3}
    betas: tuple[Decay, Decay] = (0.0, 0.99)
    decay_from: Share = 0.25
    r1_gamma: NotNegative = 0.1
    ngf: Count = 16
    ndf: Count = 32
    widest: Count = 128
    latent: Count = 64
    styles: Count = 64
    mapping_layers: Count = 2
    mapping_speed: Positive = 0.1
    mixing: Share = 0.0
    path_length: NotNegative = 0.0
    path_length_every: Count = 8


class Style:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = StyleOptions
    conditional: ClassVar[bool] = True
    batches: ClassVar[str] = "labelled"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: StyleOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = nn.ModuleDict(
            {
                "generator": SynthesisNetwork(
                    shape,
                    MappingNetwork(
                        options.latent,
                        shape.classes,
                        options.styles,
                        options.mapping_layers,
                        options.mapping_speed,
                    ),
                    finest=options.ngf,
                    widest=options.widest,
                ),
                "discriminator": _Discriminator(shape, options),
                "view": View(options),
            }
        )

    def phases(self, step: int) -> Sequence[Phase]:
        """Steps of both players; now and then the generator's with the path lengths' penalty."""
        *others, last = game.phases(self.options, step)
        if self.options.path_length > 0 and step % self.options.path_length_every == 0:
            last = replace(last, name="generator_path_length")
        return *others, last

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """What the player minimises whose phase it is."""
        assert batch.images is not None
        labels = batch.labels

        def judge(images: Tensor) -> Tensor:
            shown = self.networks["view"](images, rng)
            logits: Tensor = self.networks["discriminator"](shown, labels)
            return logits

        if phase.startswith("generator"):
            report = game.generate(self.options, judge(self._generate(labels, rng)))
            return self._even(report, labels, rng) if phase.endswith("path_length") else report
        with torch.no_grad():
            fake = self._generate(labels, rng)
        report = game.discriminate(self.options, phase, judge, batch.images, fake, rng=rng)
        if report.real_logits is None:
            return report
        probability = self.networks["view"].probability
        assert isinstance(probability, Tensor)
        figures = {
            "augmentation": probability.clone(),
            "real_sign": report.real_logits.detach().sign().mean(),
        }
        return replace(report, figures=figures)

    def after_step(self, phase: str, report: Report) -> None:
        """Clip the discriminator, adapt its view; keep the mean path length."""
        game.after_step(self.options, phase, report, self.networks)
        if "path_length" in report.figures:
            length = report.figures["path_length"]
            if bool(length.isfinite()):
                self._generator.path_length.lerp_(length, 1.0 - _LAG)

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Generate N images, image i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, latent + pixels of noise), row i from generator i."""
        return latents.normal(self._generator.length, rngs)

    def decode(self, latents: Tensor, given: Batch) -> Sampled:
        """Generate an image of the given class from each latent and its noise."""
        generator = self._generator
        told, noise = generator.split(latents)
        styles = generator.mapping(told, given.labels)
        styles = generator.truncated(styles, given.labels, self.options.truncation)
        return Sampled(generator(styles[:, None].expand(-1, generator.levels, -1), noise))

    def judge(self, batch: Batch) -> Tensor:
        """The discriminator's logits (N,) for images as they are."""
        logits: Tensor = self.networks["discriminator"](batch.images, batch.labels)
        return logits

    @property
    def _generator(self) -> SynthesisNetwork:
        generator = self.networks["generator"]
        assert isinstance(generator, SynthesisNetwork)
        return generator

    def _generate(self, labels: Tensor, rng: Generator) -> Tensor:
        styles, noise = self._drawn(labels, rng)
        generator = self._generator
        if torch.is_grad_enabled():
            generator.follow(styles[:, 0].detach(), labels, _LAG)
        if self.options.mixing > 0:
            styles = self._mixed(styles, self._drawn(labels, rng)[0], rng)
        images: Tensor = generator(styles, noise)
        return images

    def _mixed(self, styles: Tensor, other: Tensor, rng: Generator) -> Tensor:
        """Let some images follow another style from a random level on."""
        count, levels = styles.shape[:2]
        cuts = torch.randint(1, levels, (count, 1), generator=rng, device=rng.device)
        mixed = torch.rand((count, 1), generator=rng, device=rng.device) < self.options.mixing
        finer = torch.arange(levels, device=rng.device) >= cuts
        return torch.where((finer & mixed)[..., None].to(styles.device), other, styles)

    def _drawn(self, labels: Tensor, rng: Generator) -> tuple[Tensor, list[Tensor]]:
        """Styles (N, levels, styles) of new latents, and noise for the levels."""
        generator = self._generator
        shape = (len(labels), generator.length)
        drawn = torch.randn(shape, generator=rng, device=labels.device)
        told, noise = generator.split(drawn)
        styles = generator.mapping(told, labels)
        return styles[:, None].expand(-1, generator.levels, -1), noise

    def _even(self, report: Report, labels: Tensor, rng: Generator) -> Report:
        """Add the path lengths' penalty, on half the batch as in the paper."""
        generator = self._generator
        with torch.autocast(labels.device.type, enabled=False):
            styles, noise = self._drawn(labels[: -(-len(labels) // 2)], rng)
            lengths = path_lengths(generator(styles, noise), styles, rng=rng)
        usual = torch.lerp(generator.path_length, lengths.detach().mean(), 1.0 - _LAG)
        weight = self.options.path_length * self.options.path_length_every
        terms = {**report.terms, "path_length": weight * (lengths - usual).square().mean()}
        return replace(report, terms=terms, figures={"path_length": lengths.detach().mean()})


class _Discriminator(nn.Module):
    """Images and class indices -> logits: an unconditional part and a projection.

    It also sees how much the images of a minibatch differ from one another.
    """

    def __init__(self, shape: Shape, options: StyleOptions) -> None:
        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        dims, strides = shape.spatial_dims, self.pyramid.strides[::-1]
        channels = widths(len(strides), options.ndf, options.widest)[::-1]
        self.downs = downs(dims, [shape.channels, *channels], strides)
        self.whole = nn.Linear(channels[-1] * math.prod(self.pyramid.base) + 1, 1)
        self.projection = nn.Embedding(shape.classes, channels[-1])
        nn.init.zeros_(self.projection.weight)
        if options.spectral_norm:
            spectrally_normalised(self)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """(k N, C, *spatial), k minibatches of the same N labels -> (k N,)."""
        found = self.pyramid.pad(images)
        for step in self.downs:
            found = leaky_relu(step(found), _SLOPE)
        places = found.flatten(2)
        # The sum over places grows with their number; its root keeps the two parts of one size.
        summed = places.sum(2) / math.sqrt(places.shape[2])
        told = self.projection(labels.repeat(len(images) // len(labels)))
        whole = self.whole(with_spread(places.flatten(1), len(labels)))
        logits: Tensor = whole.squeeze(1) + (told * summed).sum(1)
        return logits
