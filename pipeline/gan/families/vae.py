"""A variational autoencoder, class-conditional: a baseline that maximises a likelihood's bound.

The networks are MONAI's `VarAutoEncoder`, as its users would build it. Classes are told apart in
the prior alone: latents of a class are normal about a mean of its own, which is learnt, so that one
decoder serves all classes and a rare one borrows from the others.

The decoder's noise is learnt with the rest, which sets the balance between reconstruction and
divergence that is otherwise tuned by hand; `beta` shifts it. A sample is drawn from the whole
model, the noise in the pixels included, since it is what the likelihood is of; `noise: false`
shows the decoder's mean, which is smooth.

Sources: Kingma and Welling 2014, arXiv:1312.6114, equation 10; beta: Higgins et al. 2017, ICLR,
equation 4; a learnt noise: Rybkin et al. 2021, arXiv:2006.13202, section 3; a learnt prior for
each condition: Sohn et al. 2015, NeurIPS, section 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Generator, Tensor, nn

from pipeline.config import Count, NotNegative, Positive
from pipeline.gan import latents
from pipeline.gan.family import Batch, Decay, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.layers import Pyramid, widths

_NOISE = 0.2  # near the spread of what no decoder explains in a scan, so that nothing must catch up


class VaeOptions(TrainingOptions):
    """What can be chosen.

    Attributes:
        ngf: Channels at the finest level; they double at each coarser one.
        widest: The most channels of any level.
        latent: Numbers that an image is made from, beside its class.
        beta: Weight of the divergence from the prior: 1 is the likelihood's bound, more makes
            samples likelier and reconstructions worse.
        noise: Whether a sample has the decoder's noise in its pixels.
        truncation: Factor of the latents when sampling: below 1 trades diversity for fidelity.
    """

    steps: Count = 2000
    batch: Count = 32
    copies: bool = False
    mirror: bool = True
    learning_rate: Positive = 1e-3
    learning_rates: Mapping[str, Positive] = {}
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    clip: NotNegative = 1.0
    ngf: Count = 16
    widest: Count = 128
    latent: Count = 32
    beta: Positive = 1.0
    noise: bool = True
    truncation: Positive = 1.0


class Vae:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = VaeOptions
    conditional: ClassVar[bool] = True
    batches: ClassVar[str] = "labelled"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: VaeOptions) -> None:
        """Build the networks."""
        self.options = options
        self.networks = nn.ModuleDict({"autoencoder": _Autoencoder(shape, options)})

    def phases(self, step: int) -> Sequence[Phase]:  # noqa: ARG002
        """One step for all."""
        return (Phase("bound", ("autoencoder",)),)

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:  # noqa: ARG002
        """The negative bound of the log likelihood, a pixel: Kingma and Welling, equation 10."""
        assert batch.images is not None
        own = self._own
        mean, log_variance = own.encode(batch.images)
        drawn = torch.randn(mean.shape, generator=rng, device=mean.device)
        decoded = own.decode(mean + (0.5 * log_variance).exp() * drawn)
        error = (decoded - batch.images).square().mean()
        away = (mean - own.prior(batch.labels)).square() + log_variance.exp() - log_variance - 1.0
        divergence = 0.5 * away.sum(1).mean()
        log_noise = own.log_noise
        reconstruction = 0.5 * error * (-2.0 * log_noise).exp() + log_noise
        return Report(
            {
                "reconstruction": reconstruction,
                "divergence": self.options.beta * divergence / batch.images[0].numel(),
            },
            figures={"error": error, "noise": log_noise.exp(), "nats": divergence},
        )

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Generate N images, image i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, latent + pixels): the image's numbers, and the noise."""
        return latents.normal(self.options.latent + self._own.pixels, rngs)

    def decode(self, latents: Tensor, given: Batch) -> Sampled:
        """Generate an image of the given class from each latent."""
        own = self._own
        numbers, noise = latents[:, : self.options.latent], latents[:, self.options.latent :]
        images = own.decode(self.options.truncation * numbers + own.prior(given.labels))
        if self.options.noise:
            images = images + own.log_noise.exp() * noise.reshape(images.shape)
        return Sampled(images.clamp(-1.0, 1.0))

    @property
    def _own(self) -> _Autoencoder:
        return cast("_Autoencoder", self.networks["autoencoder"])


class _Autoencoder(nn.Module):
    """MONAI's networks for any size, the prior of each class, and the noise."""

    def __init__(self, shape: Shape, options: VaeOptions) -> None:
        from monai.networks.nets.varautoencoder import VarAutoEncoder

        super().__init__()
        self.pyramid = Pyramid.of(shape.size)
        self.pixels = shape.channels * torch.Size(shape.size).numel()
        # MONAI takes a stride by axis as well, which its types leave out.
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
            norm="batch",
        )
        self.prior = nn.Embedding(shape.classes, options.latent)
        nn.init.zeros_(self.prior.weight)
        self.log_noise = nn.Parameter(torch.tensor(_NOISE).log())

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, *spatial) -> means and log variances of the latents, (N, latent) each."""
        # MONAI's own method for this cannot read images that are laid out channels last.
        found = self.inner.encode(self.pyramid.pad(images)).flatten(1)
        return self.inner.mu(found), self.inner.logvar(found)

    def decode(self, latents: Tensor) -> Tensor:
        """(N, latent) -> (N, C, *spatial) in (-1, 1)."""
        decoded: Tensor = self.inner.decode_forward(latents, use_sigmoid=False)
        return self.pyramid.crop(torch.tanh(decoded))
