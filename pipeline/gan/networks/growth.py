"""Growing from small images to full size: which levels there are, and how far a training is.

Source: Karras et al. 2018, arXiv:1710.10196, section 2 and appendix A.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, avg_pool3d, interpolate

from pipeline.gan.networks.layers import Pyramid

_POOL: Mapping[int, Callable[..., Tensor]] = {2: avg_pool2d, 3: avg_pool3d}


class Ladder:
    """The levels of a pyramid, 0 the coarsest, and which of them have an image of their own.

    A growth is a number between `first` and `top`; between two levels, the finer one is faded in.

    Args:
        pyramid: Whose levels they are.
        coarsest: 8 leaves the coarsest level, of about 4 pixels, without an image.
    """

    def __init__(self, pyramid: Pyramid, coarsest: int) -> None:
        self.pyramid = pyramid
        self.top = len(pyramid.strides)
        self.first = min(int(coarsest == 8), self.top)
        self._pool = _POOL[len(pyramid.size)]

    def factors(self, level: int) -> tuple[int, ...]:
        """By how much each axis of a level must grow to full size."""
        ones = (1,) * len(self.pyramid.size)
        strides = (ones, *self.pyramid.strides[level:])
        return tuple(math.prod(axis) for axis in zip(*strides, strict=True))

    def shrunk(self, images: Tensor, level: int) -> Tensor:
        """(N, C, *padded) -> the size of a level, each pixel the mean of those that it covers."""
        return images if level == self.top else self._pool(images, self.factors(level))

    def enlarged(self, images: Tensor, level: int) -> Tensor:
        """The size of a level -> (N, C, *padded), each pixel a block."""
        return enlarged(images, self.factors(level))

    def blurred(self, images: Tensor, grown: float) -> Tensor:
        """Real images (N, C, *size) as a generator of that growth could make them."""
        level = math.floor(grown)
        if level == self.top:
            return images
        padded = self.pyramid.pad(images)
        seen = self.enlarged(self.shrunk(padded, level), level)
        if grown > level:
            finer = self.enlarged(self.shrunk(padded, level + 1), level + 1)
            seen = torch.lerp(seen, finer, grown - level)
        return self.pyramid.crop(seen)


class Growth(nn.Module):
    """How far a training has grown; the round lies in a buffer, to be saved with the weights.

    The round is an integer: an average of weights copies it instead of averaging it.

    Args:
        ladder: What is climbed.
        rounds: After how many rounds images have their full size; 0 has it from the start.
    """

    round: Tensor

    def __init__(self, ladder: Ladder, rounds: float) -> None:
        super().__init__()
        self.ladder = ladder
        self._rounds = rounds
        self.register_buffer("round", torch.tensor(0))

    def forward(self) -> float:
        """The growth: each level is trained for as many rounds as the next is then faded in."""
        first, top = self.ladder.first, self.ladder.top
        if self._rounds == 0.0:
            return float(top)
        level, part = divmod(float(self.round) / self._rounds * (top - first), 1.0)
        return min(float(top), first + level + max(0.0, 2.0 * part - 1.0))


def enlarged(images: Tensor, factors: Sequence[int]) -> Tensor:
    """Each pixel a block."""
    if max(factors) == 1:
        return images
    return interpolate(images, scale_factor=tuple(map(float, factors)), mode="nearest")
