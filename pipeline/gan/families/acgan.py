"""Auxiliary classifier GAN: the discriminator is not told the class but has to name it.

Beside real or generated, the discriminator says which class it sees; both players are rewarded
when it is right, so the generator makes images by which the classes are told apart. That is its
strength (labels are clear) and its danger (what is typical of a class is exaggerated, and what is
ambiguous, or on the border, is not made at all): Odena et al., section 4.4, and Shu et al. 2017.
The more classes overlap, the smaller `auxiliary` should be: at 1, as in the paper, nodules became
emblems, the malignant ones rings, and at a fifth generated ones are still named rightly nearly
always, where real ones are in four cases of five.

Defaults differ from the paper, which has 1.3 million photographs: a fifth of the weight for the
classes, small bodies, no normalisation in the discriminator, rates that fall to zero in the second
half, R1 and a discriminator that sees everything shifted, for a few hundred images within minutes.

Sources: Odena et al. 2017, arXiv:1610.09585, equations 2 and 3; as medical augmentation: Frid-Adar
et al. 2018, arXiv:1803.01229, section 3.2.2; its bias: Shu et al. 2017, "AC-GAN learns a biased
distribution", NeurIPS workshop on Bayesian deep learning; R1: Mescheder et al. 2018,
arXiv:1801.04406; differentiable augmentation: Zhao et al. 2020, arXiv:2006.10738.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.gan import game
from pipeline.gan.family import Batch, Decay, Mirror, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.bodies import BodyOptions, DiscriminatorBody, LabelledGenerator
from pipeline.gan.networks.layers import spectrally_normalised
from pipeline.gan.view import View


class AcganOptions(BodyOptions):
    """What can be chosen; see `BodyOptions` and `AdversarialOptions` for the rest.

    Attributes:
        auxiliary: Weight of naming the class, for both players; 1 in the paper.
        names_generated: Whether the discriminator also learns its classes from generated images,
            as in the paper. Without it, it learns them from real ones alone.
    """

    steps: Count = 1500
    batch: Count = 16
    copies: bool = False
    mirror: Mirror = True
    learning_rate: Positive = 1e-3
    learning_rates: Mapping[str, Positive] = {"discriminator": 2e-3}
    betas: tuple[Decay, Decay] = (0.0, 0.99)
    decay_from: Share = 0.5
    r1_gamma: NotNegative = 0.1
    auxiliary: NotNegative = 0.2
    names_generated: bool = True


class Acgan:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = AcganOptions
    conditional: ClassVar[bool] = True
    batches: ClassVar[str] = "labelled"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: AcganOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = nn.ModuleDict(
            {
                "generator": LabelledGenerator(shape, options),
                "discriminator": _Discriminator(shape, options),
                "view": View(options),
            }
        )

    def phases(self, step: int) -> Sequence[Phase]:
        """Steps of both players."""
        return game.phases(self.options, step)

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """What the player minimises whose phase it is: the game's part and the class's.

        Equation 2 of the paper is the game, equation 3 the class: the discriminator maximises
        their sum, the generator the second less the first.
        """
        assert batch.images is not None
        named: list[Tensor] = []

        def judge(images: Tensor) -> Tensor:
            logits, classes = self.networks["discriminator"](self.networks["view"](images, rng))
            named.append(classes)
            checked: Tensor = logits
            return checked

        if phase == "generator":
            report = game.generate(self.options, judge(self._generate(batch.labels, rng)))
            return self._with_classes(report, batch.labels, generated=named[0])
        with torch.no_grad():
            fake = self._generate(batch.labels, rng)
        report = game.discriminate(self.options, phase, judge, batch.images, fake, rng=rng)
        # The first call judged real and generated images; penalties judge again.
        real, generated = named[0].chunk(2)
        if not self.options.names_generated:
            return self._with_classes(report, batch.labels, real=real)
        return self._with_classes(report, batch.labels, real=real, generated=generated)

    def after_step(self, phase: str, report: Report) -> None:
        """Clip the discriminator, adapt its view."""
        game.after_step(self.options, phase, report, self.networks)

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Generate N images, image i of class i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, latent and noise), row i from generator i."""
        return self._generator.draw_each(rngs, self.options.truncation)

    def decode(self, latents: Tensor, given: Batch) -> Sampled:
        """Generate an image of the given class from each latent."""
        return Sampled(self.networks["generator"](latents, given.labels))

    def judge(self, batch: Batch) -> Tensor:
        """The discriminator's logits (N,) for images as they are, whatever their class."""
        logits: Tensor = self.networks["discriminator"](batch.images)[0]
        return logits

    def _with_classes(self, report: Report, labels: Tensor, **named: Tensor) -> Report:
        """Add what it costs to name classes wrongly, and how often they are named rightly.

        Args:
            report: The game's.
            labels: (N,) class indices that are right.
            named: By kind of image, (N, classes) logits.
        """
        weight = self.options.auxiliary
        terms, figures = dict(report.terms), dict(report.figures)
        for kind, logits in named.items():
            terms[f"class_{kind}"] = weight * cross_entropy(logits, labels)
            figures[f"class_accuracy_{kind}"] = (logits.argmax(1) == labels).float().mean()
        return Report(terms, report.real_logits, report.fake_logits, figures)

    @property
    def _generator(self) -> LabelledGenerator:
        generator = self.networks["generator"]
        assert isinstance(generator, LabelledGenerator)
        return generator

    def _generate(self, labels: Tensor, rng: Generator) -> Tensor:
        generator = self._generator
        images: Tensor = generator(generator.draw(labels, rng), labels)
        return images


class _Discriminator(nn.Module):
    """(N, C, *spatial) -> (N,) logits of being real and (N, classes) logits of the classes."""

    def __init__(self, shape: Shape, options: AcganOptions) -> None:
        super().__init__()
        self.body = DiscriminatorBody(shape, finest=options.ndf, widest=options.widest)
        self.logit = nn.Linear(self.body.features, 1)
        self.classes = nn.Linear(self.body.features, shape.classes)
        if options.spectral_norm:
            spectrally_normalised(self)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        found = self.body(images)
        return self.logit(found).squeeze(1), self.classes(found)
