"""A variational autoencoder, one model per class: a baseline that maximises a likelihood's bound.

The networks are MONAI's `VarAutoEncoder`, as its users would build it, without normalisation, which
takes from an image how bright and how sharp it is as a whole. One model with a prior of its own for
each class was tried, and made both classes alike.

The variance of the decoder's noise is the likeliest one, the mean squared error itself, so that the
balance between reconstruction and divergence does not depend on how noisy the images are. `beta`
shifts it: at 1, the likelihood's bound, a few hundred images are told apart by codes so narrow that
samples from the prior fall between them, and show no lesion; hence 20.
The decoder's mean is what is sampled, as is usual; `noise: true` draws from the whole model, the
noise in the pixels included.

Sources: Kingma and Welling 2014, arXiv:1312.6114, equation 10; beta: Higgins et al. 2017, ICLR,
equation 4; the likeliest noise: Rybkin et al. 2021, arXiv:2006.13202, section 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Generator, Tensor, nn

from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.gan import latents
from pipeline.gan.family import Batch, Decay, Mirror, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.layers import Pyramid, widths

_FIRST = 0.04
_PACE = 0.01
_LEAST = 1e-8


class VaeOptions(TrainingOptions):
    """What can be chosen.

    Attributes:
        ngf: Channels at the finest level; they double at each coarser one.
        widest: The most channels of any level.
        latent: Numbers that an image is made from.
        beta: Weight of the divergence from the prior: 1 is the likelihood's bound, more brings
            samples nearer to the training images' kind, and makes them smoother.
        noise: Whether a sample has the decoder's noise in its pixels.
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
    beta: Positive = 20.0
    noise: bool = False
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
        """The negative bound of the log likelihood, a pixel and up to a constant.

        Source: Kingma and Welling 2014, equation 10, with Rybkin et al. 2021, equation 7.
        """
        assert batch.images is not None
        own = self._own
        mean, log_variance = own.encode(batch.images)
        drawn = torch.randn(mean.shape, generator=rng, device=mean.device)
        decoded = own.decode(mean + (0.5 * log_variance).exp() * drawn)
        error = (decoded - batch.images).square().mean()
        away = mean.square() + log_variance.exp() - log_variance - 1.0
        divergence = 0.5 * away.sum(1).mean()
        own.follow(error)
        return Report(
            {
                "reconstruction": 0.5 * error.clamp(min=_LEAST).log(),
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
        images = own.decode(self.options.truncation * numbers)
        if self.options.noise:
            images = images + own.noise_variance.sqrt() * noise.reshape(images.shape)
        return Sampled(images.clamp(-1.0, 1.0))

    @property
    def _own(self) -> _Autoencoder:
        return cast("_Autoencoder", self.networks["autoencoder"])


class _Autoencoder(nn.Module):
    """MONAI's networks for any size, and the noise."""

    noise_variance: Tensor

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
        self.register_buffer("noise_variance", torch.tensor(_FIRST))

    @torch.no_grad()
    def follow(self, error: Tensor) -> None:
        """Move the noise's variance towards a batch's mean squared error."""
        self.noise_variance.lerp_(error.float(), _PACE)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, *spatial) -> means and log variances of the latents, (N, latent) each."""
        # MONAI's own method for this cannot read images that are laid out channels last.
        found = self.inner.encode(self.pyramid.pad(images)).flatten(1)
        return self.inner.mu(found), self.inner.logvar(found)

    def decode(self, latents: Tensor) -> Tensor:
        """(N, latent) -> (N, C, *spatial) in (-1, 1)."""
        decoded: Tensor = self.inner.decode_forward(latents, use_sigmoid=False)
        return self.pyramid.crop(torch.tanh(decoded))
