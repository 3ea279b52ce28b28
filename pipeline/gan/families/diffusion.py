"""A small class-conditional diffusion model: MONAI's U-Net and scheduler.

It learns to tell image and noise apart at every strength of noise, and makes an image by removing
noise from noise. There is no opponent, so nothing can collapse, and training is slow but steady;
sampling costs `sampling_steps` passes instead of one. It walks the deterministic way down
(Song et al., eta = 0), so an image is a function of its noise and its class.

Sized for a CPU: the U-Net sees blocks of pixels as channels (`patch`: 2 quarters the cost in 2D,
divides it by eight in 3D), predicts velocity under the cosine schedule (steadier than predicting
noise when sampling takes few steps), and samples at evenly spread times that start from pure noise.

Sources: Ho et al. 2020, arXiv:2006.11239, algorithm 1; sampling: Song et al. 2021,
arXiv:2010.02502, equation 12; cosine schedule: Nichol and Dhariwal 2021, arXiv:2102.09672,
equation 17; velocity: Salimans and Ho 2022, arXiv:2202.00512, section 4 and appendix D; times:
Lin et al. 2023, arXiv:2305.08891, section 3.3; blocks: Luhman and Luhman 2022, arXiv:2207.04316.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import AfterValidator, Field
from torch import Generator, Tensor, nn
from torch.nn.functional import mse_loss

from pipeline.config import Count, NotNegative, Positive, Share
from pipeline.gan.family import Batch, Decay, Mirror, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.gan.networks.denoiser import GROUP, Denoiser

_TIMES = 1000


def _divides_times(steps: int) -> int:
    if _TIMES % steps:
        raise ValueError(f"got {steps}; choose a divisor of {_TIMES}, such as 10, 20, 25, 40, 50")
    return steps


class DiffusionOptions(TrainingOptions):
    """What can be chosen; see `TrainingOptions` for the rest.

    Attributes:
        ngf: Channels of the U-Net's finest level, a multiple of 8.
        widest: The most channels of any level, which double at each coarser one.
        blocks: Residual blocks a level.
        patch: Side of the blocks of pixels that the U-Net sees as channels; 1 for pixels.
        sampling_steps: Passes of the U-Net an image, a divisor of 1000.
    """

    steps: Count = 1400
    batch: Count = 16
    copies: bool = False
    mirror: Mirror = True
    learning_rate: Positive = 1e-3
    betas: tuple[Decay, Decay] = (0.9, 0.99)
    decay_from: Share = 0.5
    clip: NotNegative = 1.0
    examinations: Annotated[int, Field(ge=0)] = 3
    ngf: Annotated[int, Field(ge=GROUP, multiple_of=GROUP)] = 32
    widest: Annotated[int, Field(ge=GROUP, multiple_of=GROUP)] = 64
    blocks: Count = 1
    patch: Annotated[int, Field(ge=1, le=4)] = 2
    sampling_steps: Annotated[Count, AfterValidator(_divides_times)] = 20


class Diffusion:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = DiffusionOptions
    conditional: ClassVar[bool] = True
    batches: ClassVar[str] = "labelled"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: DiffusionOptions) -> None:
        """Build the network."""
        from monai.networks.schedulers.ddim import DDIMScheduler

        self.options = options
        unet = Denoiser(
            shape,
            finest=options.ngf,
            widest=options.widest,
            blocks=options.blocks,
            patch=options.patch,
        )
        self.networks = nn.ModuleDict({"unet": unet})
        self._pyramid = unet.pyramid
        self._noise_shape = (shape.channels, *unet.pyramid.padded)
        # Noise is added the same way however it is taken out again.
        self._scheduler = DDIMScheduler(
            _TIMES, schedule="cosine", prediction_type="v_prediction", clip_sample=True
        )
        self._scheduler.set_timesteps(options.sampling_steps)

    def phases(self, step: int) -> Sequence[Phase]:  # noqa: ARG002
        """One step of the U-Net."""
        return (Phase("denoise", ("unet",)),)

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:  # noqa: ARG002
        """Squared error of the velocity, at a time drawn for each image.

        Source: Ho et al. 2020, algorithm 1, with Salimans and Ho's target.
        """
        assert batch.images is not None
        images = self._pyramid.pad(batch.images)
        times = torch.randint(_TIMES, (len(images),), generator=rng, device=images.device)
        noise = torch.randn(images.shape, generator=rng, device=images.device)
        noisy = self._scheduler.add_noise(images, noise, times)
        velocity = self._scheduler.get_velocity(images, noise, times)
        found = self.networks["unet"](noisy, times, batch.labels)
        return Report({"velocity": mse_loss(found, velocity)})

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Generate N images, image i of class i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw noise, (N, C, *padded), row i from generator i."""
        shape = self._noise_shape
        return torch.stack([torch.randn(shape, generator=rng, device=rng.device) for rng in rngs])

    def decode(self, latents: Tensor, given: Batch) -> Sampled:
        """Take the noise out of it, step by step, the deterministic way."""
        images = latents
        for time in times(self.options.sampling_steps):
            now = torch.full((len(images),), time, device=images.device)
            found = self.networks["unet"](images, now, given.labels)
            images, _ = self._scheduler.step(found.float(), time, images)
        return Sampled(self._pyramid.crop(images).clamp(-1.0, 1.0))


def times(steps: int) -> range:
    """Times from the noisiest down, as far apart as one of the scheduler's steps is long.

    MONAI's own times end at 0 and so lie farther apart than that, by which each step would leave
    more noise than the next is told of.

    Args:
        steps: A divisor of 1000.
    """
    return range(_TIMES - 1, -1, -(_TIMES // steps))
