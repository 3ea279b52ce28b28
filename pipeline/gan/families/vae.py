"""A variational autoencoder, one model per class: a baseline that maximises a likelihood's bound.

The networks are MONAI's `VarAutoEncoder`, as its users would build it, without normalisation, which
takes from an image how bright and how sharp it is as a whole. One model with a prior of its own for
each class was tried, and made both classes alike.

Three things make samples look like scans rather than like the mean of many:

- While the decoder learns, the variance of its noise is the likeliest one, the mean squared error
  itself, so that the balance with the divergence does not depend on how noisy the images are.
- Beside it the noise is fitted to what the decoder leaves over, by maximum likelihood: normal, with
  a variance for each band of frequencies, which the codes tell, since one nodule is large and its
  tissue grainy, another one enlarged and smooth. Samples are drawn from the whole model, this noise
  included; the decoder's mean alone is smoother than any scan, and noise that is independent from
  pixel to pixel is rougher. The decoder does not learn from this part, which would have it leave
  shapes for texture: there are many more fine frequencies than coarse ones.
- A few hundred images are told apart by codes so narrow that samples from the standard normal prior
  fall between them. So codes are drawn from the normal distribution with the mean and covariance
  that the codes of training images have in the end, and `beta` may stay near 1, the bound.

Sources: Kingma and Welling 2014, arXiv:1312.6114, equation 10; beta: Higgins et al. 2017, ICLR,
equation 4; the likeliest noise: Rybkin et al. 2021, arXiv:2006.13202, section 3.2; codes fitted
afterwards: Ghosh et al. 2020, arXiv:1903.12436, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Generator, Tensor, nn

from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.gan import latents
from pipeline.gan.family import Batch, Decay, Mirror, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.layers import Pyramid, widths

_FIRST = -3.0
_PACE = 0.01
_LEAST = 1e-8
# A hundredth of the grey scale's half: below what a picture shows.
_FAINTEST = 1e-4
_BANDS = 8


class VaeOptions(TrainingOptions):
    """What can be chosen.

    Attributes:
        ngf: Channels at the finest level; they double at each coarser one.
        widest: The most channels of any level.
        latent: Numbers that an image is made from.
        beta: Weight of the divergence from the prior: 1 is the likelihood's bound; more makes
            shapes simpler and leaves more to the noise.
        noise: Whether a sample has the model's noise in its pixels.
        truncation: Factor of the latents when sampling: below 1 trades diversity for fidelity.
    """

    steps: Count = 1200
    batch: Count = 16
    copies: bool = False
    mirror: Mirror = True
    learning_rate: Positive = 2e-3
    learning_rates: Mapping[str, Positive] = {}
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    decay_from: Share = 0.5
    clip: NotNegative = 1.0
    ngf: Count = 16
    widest: Count = 128
    latent: Count = 32
    beta: Positive = 2.0
    noise: bool = True
    truncation: Positive = 1.0


class Vae:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = VaeOptions
    conditional: ClassVar[bool] = False
    batches: ClassVar[str] = "plain"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: VaeOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = nn.ModuleDict({"autoencoder": _Autoencoder(shape, options)})

    def phases(self, step: int) -> Sequence[Phase]:  # noqa: ARG002
        """One step for all."""
        return (Phase("bound", ("autoencoder",)),)

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:  # noqa: ARG002
        """The negative bound of the log likelihood, a pixel and up to a constant, and the noise's.

        Source: Kingma and Welling 2014, equation 10, with Rybkin et al. 2021, equation 7.
        """
        assert batch.images is not None
        own = self._own
        mean, log_variance = own.encode(batch.images)
        drawn = torch.randn(mean.shape, generator=rng, device=mean.device)
        codes = mean + (0.5 * log_variance).exp() * drawn
        left = own.decode(codes) - batch.images
        error = left.square().mean()
        away = mean.square() + log_variance.exp() - log_variance - 1.0
        divergence = 0.5 * away.sum(1).mean()
        own.follow(mean, log_variance)
        return Report(
            {
                "reconstruction": 0.5 * error.clamp(min=_LEAST).log(),
                "noise": own.noise.surprise(left.detach(), codes),
                "divergence": self.options.beta * divergence / batch.images[0].numel(),
            },
            figures={"error": error, "nats": divergence},
        )

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Generate N images, image i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, latent + pixels): the image's numbers, and the noise."""
        return latents.normal(self.options.latent + self._own.pixels, rngs)

    def decode(self, latents: Tensor, given: Batch) -> Sampled:  # noqa: ARG002
        """Generate an image from each latent."""
        own = self._own
        numbers, noise = latents[:, : self.options.latent], latents[:, self.options.latent :]
        codes = own.codes(self.options.truncation * numbers)
        images = own.decode(codes)
        if self.options.noise:
            images = images + own.noise(noise.reshape(images.shape), codes)
        return Sampled(images.clamp(-1.0, 1.0))

    @property
    def _own(self) -> _Autoencoder:
        return cast("_Autoencoder", self.networks["autoencoder"])


class _Autoencoder(nn.Module):
    """MONAI's networks for any size, the codes' distribution, and the noise."""

    centre: Tensor
    second: Tensor

    def __init__(self, shape: Shape, options: VaeOptions) -> None:
        from monai.networks.nets.varautoencoder import VarAutoEncoder

        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        self.pixels = shape.channels * torch.Size(shape.size).numel()
        # MONAI takes no norm and a stride by axis as well, which its types leave out.
        norm: Any = None
        strides: Any = ((1,) * shape.spatial_dims, *self.pyramid.strides[::-1])
        channels = widths(len(self.pyramid.strides), options.ngf, options.widest)[::-1]
        # A level at full size comes last, or the transposed convolutions' grid would show.
        self.inner = VarAutoEncoder(
            spatial_dims=shape.spatial_dims,
            in_shape=(shape.channels, *self.pyramid.padded),
            out_channels=shape.channels,
            latent_size=options.latent,
            channels=(options.ngf, *channels),
            strides=strides,
            norm=norm,
        )
        self.noise = _Noise(shape, options.latent)
        self.register_buffer("centre", torch.zeros(options.latent))
        self.register_buffer("second", torch.eye(options.latent))

    @torch.no_grad()
    def follow(self, mean: Tensor, log_variance: Tensor) -> None:
        """Move first and second moments of the codes towards a batch's, (N, latent) each."""
        mean, variance = mean.float(), log_variance.float().exp()
        self.centre.lerp_(mean.mean(0), _PACE)
        # Not a matrix product, which lower precisions round until no covariance is left.
        squares = (mean[:, :, None] * mean[:, None]).mean(0) + variance.mean(0).diag()
        self.second.lerp_(squares, _PACE)

    def codes(self, numbers: Tensor) -> Tensor:
        """Standard normal numbers, (N, latent), to codes as training images have them."""
        spread = self.second - self.centre[:, None] * self.centre
        drawn: Tensor = self.centre + numbers @ torch.linalg.cholesky(spread).T
        return drawn

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, *spatial) -> means and log variances of the latents, (N, latent) each."""
        # MONAI's own method for this cannot read images that are laid out channels last.
        found = self.inner.encode(self.pyramid.pad(images)).flatten(1)
        return self.inner.mu(found), self.inner.logvar(found)

    def decode(self, latents: Tensor) -> Tensor:
        """(N, latent) -> (N, C, *spatial) in (-1, 1)."""
        decoded: Tensor = self.inner.decode_forward(latents, use_sigmoid=False)
        return self.pyramid.crop(torch.tanh(decoded))


class _Noise(nn.Module):
    """Normal noise of its own strength in each band of frequencies, which the codes tell.

    Frequencies are those of the cosine transform, which goes on at the borders by reflection; the
    log variance is linear between `_BANDS` of them, evenly spaced on a logarithmic scale.
    """

    bands: Tensor

    def __init__(self, shape: Shape, latent: int) -> None:
        super().__init__()
        for axis, length in enumerate(shape.size):
            self.register_buffer(f"cosines{axis}", _cosines(length), persistent=False)
        self._axes = shape.spatial_dims
        steps = [torch.arange(length) / length for length in shape.size]
        squares = torch.stack(torch.meshgrid(*steps, indexing="ij")).square().sum(0)
        octave = (1.0 + max(shape.size) * squares.sqrt()).log()
        place = (octave / octave.max() * (_BANDS - 1)).flatten()
        nearness = 1.0 - (place - torch.arange(_BANDS)[:, None]).abs()
        self.register_buffer("bands", nearness.clamp(min=0.0), persistent=False)
        self.tell = nn.Linear(latent, _BANDS)
        nn.init.zeros_(self.tell.weight)
        nn.init.constant_(self.tell.bias, _FIRST)

    def forward(self, white: Tensor, codes: Tensor) -> Tensor:
        """Turn white noise, (N, C, *spatial), into the noise of images of these codes."""
        coloured = white * self._variance(codes, white).sqrt()
        for axis in range(self._axes):
            coloured = self._along(axis, coloured, self.get_buffer(f"cosines{axis}"))
        return coloured

    def surprise(self, left: Tensor, codes: Tensor) -> Tensor:
        """Negative log likelihood of what decoded images leave, a pixel and up to a constant."""
        found = left.float()
        for axis in range(self._axes):
            found = self._along(axis, found, self.get_buffer(f"cosines{axis}").T)
        variance = self._variance(codes, left)
        surprise: Tensor = 0.5 * (found.square() / variance + variance.log()).mean()
        return surprise

    def _variance(self, codes: Tensor, like: Tensor) -> Tensor:
        """(N, 1, *spatial), by frequency."""
        variance: Tensor = (self.tell(codes).float() @ self.bands).exp() + _FAINTEST
        return variance.reshape(len(codes), 1, *like.shape[2:])

    @staticmethod
    def _along(axis: int, images: Tensor, matrix: Tensor) -> Tensor:
        return (images.movedim(axis + 2, -1) @ matrix).movedim(-1, axis + 2)


def _cosines(length: int) -> Tensor:
    """The orthonormal cosine transform, a row a frequency: DCT-II of Ahmed et al. 1974."""
    places = torch.arange(length) + 0.5
    rows = torch.cos(math.pi * torch.arange(length)[:, None] * places / length)
    rows[0] /= math.sqrt(2.0)
    return rows * math.sqrt(2.0 / length)
