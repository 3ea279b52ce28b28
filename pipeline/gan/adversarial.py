"""What can be chosen in every family in which a generator plays against a discriminator.

Each choice is a name or a number of params.yaml, independent of the family where the mathematics
allows; `game.py` acts on them.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pipeline.config import Count, NotNegative, Positive
from pipeline.gan.family import Policies, TrainingOptions
from pipeline.gan.losses import LOSSES, LossName


class AdversarialOptions(TrainingOptions):
    """What can be chosen in every adversarial family.

    Attributes:
        loss: Key of `losses.LOSSES`.
        smoothing: One-sided label smoothing, for the losses that have targets.
        discriminator_steps: Steps of the discriminator for one of the generator.
        r1_gamma: Strength of the R1 penalty; 0 is none.
        r1_every: Rounds between two R1 penalties, which are weighted to keep the mean strength.
        gradient_penalty: Weight of the Wasserstein critic's gradient penalty; 0 is none.
        clip_weights: Greatest absolute weight of the discriminator; 0 does not clip.
        spectral_norm: Whether the discriminator's layers are divided by their largest singular
            value.
        augmentation: What the discriminator sees images through, in order.
        adaptive_target: Mean sign of the logits of real images that the probability of the
            augmentation is steered to, 0.6 in the paper; 0 applies it always.
        adaptive_images: Real images in which that probability may go from 0 to 1.
        instance_noise: Standard deviation of noise on what the discriminator sees at the start; it
            falls linearly to 0.
        truncation: Factor of the latents when sampling: below 1 trades diversity for fidelity.
    """

    loss: LossName = "non_saturating"
    smoothing: float = Field(default=0.0, ge=0.0, lt=0.5)
    discriminator_steps: Count = 1
    r1_gamma: NotNegative = 0.0
    r1_every: Count = 8
    gradient_penalty: NotNegative = 0.0
    clip_weights: NotNegative = 0.0
    spectral_norm: bool = False
    augmentation: Policies = ("translation",)
    adaptive_target: float = Field(default=0.0, ge=0.0, lt=1.0)
    adaptive_images: Positive = 20_000.0
    instance_noise: NotNegative = 0.0
    truncation: Positive = 1.0

    @model_validator(mode="after")
    def _fits_the_loss(self) -> Self:
        if LOSSES[self.loss].middle is not None:
            return self
        if not (self.gradient_penalty or self.clip_weights or self.spectral_norm or self.r1_gamma):
            raise ValueError(
                f"loss: {self.loss} needs a critic whose slope is bounded; set gradient_penalty "
                "to 10, clip_weights to 0.05 or spectral_norm to true"
            )
        if self.adaptive_target:
            raise ValueError(
                f"adaptive_target: with loss {self.loss} the sign of a logit means nothing to "
                "steer by; set it to 0, or choose another loss"
            )
        return self
