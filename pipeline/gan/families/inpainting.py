"""A lesion of a given class into a hole in real tissue, with its mask.

A context encoder reads a scan whose lesion was cut out, and paints a lesion of the class that is
asked for into the hole; outside of it every real pixel stays as it is. Two discriminators look at
scan and mask together, one at the whole, one at a window around the hole; their logits add up,
which is the linear layer on both's features that the second paper ends with. Where the defaults
differ from the papers, and why:

- a U-Net that is told a latent and a class, since a hole may hold many lesions;
- the mask is a second output. The discriminators see it with hard edges, as real ones have, and
  its gradient is passed straight through (Bengio et al. 2013);
- half of the fills in training are asked for a class of chance instead of the scan's own, so that
  the class is read from the label and not from the hole. These are only judged; the others are
  also pulled towards what was there;
- that pull weighs less the farther a pixel is from known tissue, and little altogether: at the
  border there is one continuation, in the middle any lesion will do, and the mean of all is a blur;
- R1 and a high learning rate instead of batch normalisation and 2e-4, to learn in a minute or two.

Sources: Pathak et al. 2016, arXiv:1604.07379, equations 1 to 3; Iizuka et al. 2017, ACM
Transactions on Graphics 36(4), section 3.3; discounted distance: Yu et al. 2018, arXiv:1801.07892,
section 3.2; straight through: Bengio et al. 2013, arXiv:1308.3432, section 2.3; R1: Mescheder et
al. 2018, arXiv:1801.04406.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn.functional import max_pool2d, max_pool3d

from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.gan import game
from pipeline.gan.diets.holes import HolesOptions
from pipeline.gan.diets.masked import HOLES, bounds
from pipeline.gan.family import Batch, Decay, Mirror, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.layers import SMALLEST_AXIS
from pipeline.gan.networks.unet import Judging, UNet, UNetOptions, draw, draw_each
from pipeline.gan.view import View

_POOLS = {2: max_pool2d, 3: max_pool3d}
_FARTHEST = 16


class InpaintingOptions(UNetOptions, HolesOptions):
    """What can be chosen; see `AdversarialOptions`, `UNetOptions` and `HolesOptions` for the rest.

    Attributes:
        l1: Weight of the distance to what was in the hole.
        discount: Factor of that weight for each pixel farther from known tissue.
        crossed: Share of fills that are asked for a class of chance in training.
        window: Side of what the local discriminator sees, as a share of each axis.
    """

    steps: Count = 1200
    batch: Count = 16
    copies: bool = False
    mirror: Mirror = True
    learning_rate: Positive = 1e-3
    learning_rates: Mapping[str, Positive] = {"discriminator": 2e-3}
    betas: tuple[Decay, Decay] = (0.0, 0.99)
    r1_gamma: NotNegative = 0.3
    l1: NotNegative = 1.0
    discount: float = Field(default=0.8, gt=0.0, le=1.0)
    crossed: Share = 0.5
    window: float = Field(default=0.5, gt=0.0, le=1.0)


class Inpainting:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = InpaintingOptions
    conditional: ClassVar[bool] = True
    batches: ClassVar[str] = "holes"
    makes_masks: ClassVar[bool] = True

    def __init__(self, shape: Shape, options: InpaintingOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = nn.ModuleDict(
            {
                "generator": UNet(shape, shape.channels + 1, shape.channels + 1, options),
                "discriminator": _Discriminator(shape, options),
                "view": View(options),
            }
        )

    def phases(self, step: int) -> Sequence[Phase]:
        """Steps of both players."""
        return game.phases(self.options, step)

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """What the player minimises whose phase it is."""
        assert batch.images is not None and batch.masks is not None
        holes, own = batch.extra["holes"], batch.labels
        asked = self._asked(own, rng)
        drawn = draw(self._unet, own, rng)
        real = torch.cat([batch.images, batch.masks], dim=1)
        if phase == "generator":
            fake = self._fill(batch.images, holes, asked, drawn)
            terms = dict(game.generate(self.options, self._judge(fake, holes, asked, rng)).terms)
            if self.options.l1 > 0:
                weight = nearness(holes, self.options.discount)
                weight = weight * (asked == own).view(-1, *[1] * (holes.ndim - 1))
                distance = (weight * (fake - real).abs()).sum()
                terms["l1"] = self.options.l1 * distance / (weight.sum() + 1.0)
            return Report(terms)
        with torch.no_grad():
            fake = self._fill(batch.images, holes, asked, drawn)
        told = torch.cat([own, asked])

        def judge(both: Tensor) -> Tensor:
            times = len(both) // len(own)
            around = holes.repeat(times, *[1] * (holes.ndim - 1))
            return self._judge(both, around, told[: len(both)], rng)

        return game.discriminate(self.options, phase, judge, real, fake, rng=rng)

    def after_step(self, phase: str, report: Report) -> None:
        """Clip the discriminator, adapt its view."""
        game.after_step(self.options, phase, report, self.networks)

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Fill N holes, number i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, length), row i from generator i."""
        return draw_each(self._unet, self.options, rngs)

    def decode(self, latents: Tensor, given: Batch) -> Sampled:
        """Fill the given scans' holes with lesions of the given classes from each latent."""
        assert given.images is not None
        both = self._fill(given.images, given.extra["holes"], given.labels, latents)
        return Sampled(both[:, :-1], both[:, -1:])

    def judge(self, batch: Batch) -> Tensor:
        """The discriminator's logits (N,) for scans and masks as they are."""
        assert batch.images is not None and batch.masks is not None
        holes = batch.extra.get("holes")
        if holes is None:
            holes = HOLES[self.options.hole](batch.masks, self.options.margin)
        both = torch.cat([batch.images, batch.masks], dim=1)
        logits: Tensor = self.networks["discriminator"](
            both, self._window(both, holes), batch.labels
        )
        return logits

    @property
    def _unet(self) -> UNet:
        unet = self.networks["generator"]
        assert isinstance(unet, UNet)
        return unet

    def _asked(self, own: Tensor, rng: Generator) -> Tensor:
        """Classes to fill with: the scans' own, or some of chance."""
        classes = self._unet.embedding.num_embeddings
        others = torch.randint(classes, own.shape, generator=rng, device=own.device)
        coin = torch.rand(own.shape, generator=rng, device=own.device)
        return torch.where(coin < self.options.crossed, others, own)

    def _fill(self, images: Tensor, holes: Tensor, labels: Tensor, drawn: Tensor) -> Tensor:
        """Scans with filled holes and the masks of what is in them, (N, C + 1, *spatial)."""
        known = torch.where(holes > 0, 0.0, images)
        made = self._unet(torch.cat([known, holes], dim=1), labels, drawn)
        filled = torch.where(holes > 0, torch.tanh(made[:, :-1]).to(images.dtype), images)
        soft = torch.sigmoid(made[:, -1:]).to(images.dtype) * holes
        return torch.cat([filled, (soft > 0.5) + (soft - soft.detach())], dim=1)

    def _judge(self, both: Tensor, holes: Tensor, labels: Tensor, rng: Generator) -> Tensor:
        view = self.networks["view"]
        window = self._window(both, holes)
        logits: Tensor = self.networks["discriminator"](view(both, rng), view(window, rng), labels)
        return logits

    def _window(self, both: Tensor, holes: Tensor) -> Tensor:
        """What lies around the holes, as large as the local discriminator wants it."""
        discriminator = self.networks["discriminator"]
        assert isinstance(discriminator, _Discriminator)
        return windows(both, holes, discriminator.window)


class _Discriminator(nn.Module):
    """Scans with masks, windows of them and (N,) class indices -> (N,) logits."""

    def __init__(self, shape: Shape, options: InpaintingOptions) -> None:
        super().__init__()
        self.window = tuple(
            max(SMALLEST_AXIS, round(options.window * length)) for length in shape.size
        )
        channels = shape.channels + 1
        self.whole = Judging(channels, shape.size, shape.classes, options)
        self.local = Judging(channels, self.window, shape.classes, options)

    def forward(self, both: Tensor, window: Tensor, labels: Tensor) -> Tensor:
        logits: Tensor = self.whole(both, labels) + self.local(window, labels)
        return logits.squeeze(1)


def windows(images: Tensor, holes: Tensor, size: Sequence[int]) -> Tensor:
    """Cut boxes of one size around the middles of holes, moved where they would leave the image.

    Args:
        images: (N, C, *spatial).
        holes: (N, 1, *spatial) of 0 and 1.
        size: Of a window, no longer than the image along any axis.
    """
    first, last = bounds(holes)
    found = []
    for image, low, high in zip(images, first.tolist(), last.tolist(), strict=True):
        for axis, (start, end, length) in enumerate(zip(low, high, size, strict=True), start=1):
            place = (start + end + 1 - length) // 2
            image = image.narrow(axis, min(max(place, 0), image.shape[axis] - length), length)
        found.append(image)
    return torch.stack(found)


def nearness(holes: Tensor, discount: float) -> Tensor:
    """Discount to the power of each hole pixel's distance to known tissue; 0 outside.

    The distance counts steps, diagonal ones too, from 1 at the border, up to 16.

    Args:
        holes: (N, 1, *spatial) of 0 and 1.
        discount: In (0, 1].
    """
    pool = _POOLS[holes.ndim - 2]
    known = 1.0 - holes
    weight = torch.zeros_like(holes)
    for step in range(1, _FARTHEST + 1):
        grown = pool(known, 3, stride=1, padding=1)
        weight = weight + discount**step * (grown - known)
        known = grown
    return weight + discount**_FARTHEST * (1.0 - known)
