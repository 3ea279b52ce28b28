"""What a discriminator sees images through: augmentation, fixed or adaptive, and instance noise.

The state (how strongly, how far along) lies in buffers, so that it is saved and resumed with the
networks. Real and generated images pass through it alike, and gradients pass back to the
generator.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from pipeline.augment import differentiable
from pipeline.gan.adversarial import AdversarialOptions

_EVERY = 4
_MOST = 0.8  # beyond it augmentations leak into what is generated; Karras et al., section 2.2


class View(nn.Module):
    """The discriminator's view of (N, C, *spatial), a network without parameters.

    Args:
        options: `augmentation`, `adaptive_target`, `adaptive_images`, `instance_noise`, `batch`,
            `steps` and `discriminator_steps` are read here.

    Sources: adaptive: Karras et al. 2020, arXiv:2006.06676, section 3 (r_t, the mean sign of the
        logits of real images); instance noise: Sonderby et al. 2017, arXiv:1610.04490, section 3.
    """

    probability: Tensor
    sign: Tensor
    seen: Tensor

    def __init__(self, options: AdversarialOptions) -> None:
        super().__init__()
        self._policies = options.augmentation
        self._target = options.adaptive_target
        self._pace = options.batch / options.adaptive_images
        self._noise = options.instance_noise
        self._rounds = options.steps * options.discriminator_steps
        self.register_buffer("probability", torch.tensor(0.0 if self._target else 1.0))
        self.register_buffer("sign", torch.tensor(0.0))
        self.register_buffer("seen", torch.tensor(0))

    def forward(self, images: Tensor, rng: Generator) -> Tensor:
        """Show images as the discriminator sees them.

        Args:
            images: (N, C, *spatial) in [-1, 1].
            rng: On the images' device.
        """
        probability = float(self.probability) if self._target else 1.0
        images = differentiable.augment(images, self._policies, rng=rng, probability=probability)
        if self._noise == 0.0:
            return images
        left = max(0.0, 1.0 - float(self.seen) / self._rounds)
        noise = torch.randn(images.shape, generator=rng, device=images.device)
        return images + self._noise * left * noise

    @torch.no_grad()
    def follow(self, real_logits: Tensor | None) -> None:
        """Take note of a discriminator's step; now and then change the strength.

        Args:
            real_logits: The discriminator's on real training images, (N,); None from a critic,
                whose logits have no sign that means anything.
        """
        self.seen += 1
        if not self._target or real_logits is None:
            return
        self.sign += real_logits.sign().mean() / _EVERY
        if int(self.seen) % _EVERY == 0:
            change = _EVERY * self._pace * torch.sign(self.sign - self._target)
            self.probability.copy_((self.probability + change).clamp(0.0, _MOST))
            self.sign.zero_()
