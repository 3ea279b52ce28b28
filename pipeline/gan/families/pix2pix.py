"""Mask to scan: a U-Net paints a scan around a mask, a PatchGAN looks at both.

Every image comes with the exact mask that it was painted around. Where the defaults differ from
the paper, and why:

- noise is a latent that scales and shifts every level instead of dropout: one seed is then one
  image, whichever images are made beside it, and the choice of tissue around a lesion, which a
  mask says nothing about, has somewhere to come from. Maps of noise beside the mask (`noise`) are
  for scans that are noisy from pixel to pixel;
- both networks see the mask with a soft edge, as scans have; the image comes with the exact one;
- the class is told to both networks, the discriminator by projection;
- the distance to the one real scan of a mask weighs little instead of 100: a hundred scans fit a
  mask, and their mean is a blur. What is left of it keeps the first steps on course;
- the discriminator judges the image as a whole beside its patches: where the lesion lies and what
  its class looks like is no patch's affair;
- R1 and a high learning rate instead of batch normalisation and 2e-4, to learn in a minute or two.

Sources: Isola et al. 2017, arXiv:1611.07004, equations 1, 3, 4; R1: Mescheder et al. 2018,
arXiv:1801.04406.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn.functional import avg_pool2d, avg_pool3d, l1_loss

from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.gan import game
from pipeline.gan.diets.paired import PairedOptions
from pipeline.gan.family import Batch, Decay, Mirror, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.unet import Judging, UNet, UNetOptions, draw, draw_each
from pipeline.gan.view import View


class Pix2pixOptions(UNetOptions, PairedOptions):
    """What can be chosen; see `AdversarialOptions`, `UNetOptions` and `PairedOptions` for the rest.

    Attributes:
        l1: Weight of the distance to the real scan; 100 in the paper.
        patch_levels: How often the discriminator halves the image before it judges each place;
            fewer levels are smaller patches.
        whole: Judge the image as a whole as well.
    """

    steps: Count = 1400
    batch: Count = 16
    copies: bool = False
    mirror: Mirror = True
    learning_rate: Positive = 5e-4
    learning_rates: Mapping[str, Positive] = {"discriminator": 1e-3}
    decay_from: Share = 0.5
    betas: tuple[Decay, Decay] = (0.0, 0.99)
    r1_gamma: NotNegative = 0.3
    noise: Annotated[int, Field(ge=0)] = 0
    l1: NotNegative = 0.1
    patch_levels: Count = 3
    whole: bool = True


class Pix2pix:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = Pix2pixOptions
    conditional: ClassVar[bool] = True
    batches: ClassVar[str] = "paired"
    makes_masks: ClassVar[bool] = True

    def __init__(self, shape: Shape, options: Pix2pixOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = nn.ModuleDict(
            {
                "generator": UNet(shape, 1, shape.channels, options),
                "discriminator": Judging(
                    shape.channels + 1,
                    shape.size,
                    shape.classes,
                    options,
                    levels=options.patch_levels,
                    patches=True,
                    whole=options.whole,
                ),
                "view": View(options),
            }
        )

    def phases(self, step: int) -> Sequence[Phase]:
        """Steps of both players."""
        return game.phases(self.options, step)

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """What the player minimises whose phase it is."""
        assert batch.images is not None and batch.masks is not None
        masks, labels = batch.masks, batch.labels

        def judge(images: Tensor) -> Tensor:
            times = len(images) // len(labels)
            both = torch.cat([images, softened(masks).repeat(times, *[1] * (masks.ndim - 1))], 1)
            logits: Tensor = self.networks["discriminator"](
                self.networks["view"](both, rng), labels.repeat(times)
            )
            return logits

        if phase == "generator":
            fake = self._paint(masks, labels, draw(self._unet, labels, rng))
            terms = dict(game.generate(self.options, judge(fake)).terms)
            if self.options.l1 > 0:
                terms["l1"] = self.options.l1 * l1_loss(fake, batch.images)
            return Report(terms)
        with torch.no_grad():
            fake = self._paint(masks, labels, draw(self._unet, labels, rng))
        return game.discriminate(self.options, phase, judge, batch.images, fake, rng=rng)

    def after_step(self, phase: str, report: Report) -> None:
        """Clip the discriminator, adapt its view."""
        game.after_step(self.options, phase, report, self.networks)

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Paint N images around the given masks, image i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, length), row i from generator i."""
        return draw_each(self._unet, self.options, rngs)

    def decode(self, latents: Tensor, given: Batch) -> Sampled:
        """Paint an image of the given class around the given mask from each latent."""
        assert given.masks is not None
        return Sampled(self._paint(given.masks, given.labels, latents), given.masks)

    def judge(self, batch: Batch) -> Tensor:
        """The discriminator's logits (N,) for images and masks as they are, means over patches."""
        assert batch.images is not None and batch.masks is not None
        both = torch.cat([batch.images, softened(batch.masks)], dim=1)
        patches: Tensor = self.networks["discriminator"](both, batch.labels)
        return patches.mean(1)

    @property
    def _unet(self) -> UNet:
        unet = self.networks["generator"]
        assert isinstance(unet, UNet)
        return unet

    def _paint(self, masks: Tensor, labels: Tensor, drawn: Tensor) -> Tensor:
        return torch.tanh(self._unet(softened(masks), labels, drawn))


def softened(masks: Tensor) -> Tensor:
    """Blur (N, 1, *spatial) over about three pixels, as scans blur a lesion's edge.

    Stairs of a hard edge would go through the U-Net's finest level right into the image.
    """
    pool = avg_pool2d if masks.ndim == 4 else avg_pool3d
    for _ in range(2):
        masks = pool(masks, 3, stride=1, padding=1, count_include_pad=False)
    return masks
