"""The U-Net of diffusion models, out of MONAI's blocks, in 2D and 3D and for any size.

MONAI's own assembly of them always attends in its middle, for which it needs a package beyond
what this project asks for; at the eight places a side that the middle has here, convolutions reach
across. It sees blocks of pixels as channels, which makes it affordable on a CPU.

Sources: Ho et al. 2020, arXiv:2006.11239, section 4 and appendix B; blocks of pixels: Luhman and
Luhman 2022, arXiv:2207.04316, section 3.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from pipeline.gan.family import Shape
from pipeline.gan.networks.layers import CONVOLUTIONS, Pyramid, widths

GROUP = 8
_COARSEST = 8
_SMALL = 1e-2


class Denoiser(nn.Module):
    """(N, C, *padded), (N,) times and (N,) class indices -> (N, C, *padded), any numbers.

    Args:
        shape: Of the images.
        finest: Channels of the finest level, a multiple of 8; twice as many at each coarser one.
        widest: The most channels of any level, a multiple of 8.
        blocks: Residual blocks a level.
        patch: Side of the blocks of pixels that are seen as channels.
    """

    def __init__(self, shape: Shape, *, finest: int, widest: int, blocks: int, patch: int) -> None:
        from monai.networks.nets.diffusion_model_unet import (
            DiffusionUNetResnetBlock,
            DownBlock,
            UpBlock,
        )

        super().__init__()
        dims, self._patch = shape.spatial_dims, patch
        self.pyramid = _plan(shape.size, patch)
        channels = widths(len(self.pyramid.strides), finest, widest)[::-1]
        told = 4 * finest
        shared: dict[str, Any] = {
            "spatial_dims": dims,
            "temb_channels": told,
            "norm_num_groups": GROUP,
        }
        pixels = shape.channels * patch**dims
        self._frequencies, self._joins = finest, blocks + 1
        self.time = nn.Sequential(nn.Linear(finest, told), nn.SiLU(), nn.Linear(told, told))
        self.label = nn.Embedding(shape.classes, told)
        self.start = CONVOLUTIONS[dims](pixels, finest, 3, padding=1)
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(channels):
            finer, coarser = channels[max(0, level - 1)], channels[level + 1 : level + 2]
            self.downs.append(
                DownBlock(
                    in_channels=finer,
                    out_channels=width,
                    num_res_blocks=blocks,
                    add_downsample=bool(coarser),
                    **shared,
                )
            )
            self.ups.insert(
                0,
                UpBlock(
                    in_channels=finer,
                    prev_output_channel=coarser[0] if coarser else width,
                    out_channels=width,
                    num_res_blocks=blocks + 1,
                    add_upsample=level > 0,
                    **shared,
                ),
            )
        self.middle = DiffusionUNetResnetBlock(in_channels=channels[-1], **shared)
        self.norm = nn.GroupNorm(GROUP, finest)
        self.end = CONVOLUTIONS[dims](finest, pixels, 3, padding=1)
        self.apply(_shrink)

    def forward(self, images: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        """Predict what the loss asks for, at the same places."""
        told = self.time(_waves(times, self._frequencies)) + self.label(labels)
        features = self.start(stack(images, self._patch))
        kept = [features]
        for down in self.downs:
            features, found = down(features, told)
            kept += found
        features = self.middle(features, told)
        for up in self.ups:
            features = up(features, kept[-self._joins :], told)
            kept = kept[: -self._joins]
        return spread(self.end(silu(self.norm(features))), self._patch)


def stack(images: Tensor, patch: int) -> Tensor:
    """Turn blocks of pixels into channels: (N, C, *spatial) -> (N, C * patch^dims, *coarse)."""
    count, channels, *size = images.shape
    split = images.reshape(count, channels, *[n for side in size for n in (side // patch, patch)])
    fine, coarse = range(3, split.ndim, 2), range(2, split.ndim, 2)
    return split.permute(0, 1, *fine, *coarse).flatten(1, 1 + len(size)).contiguous()


def spread(blocks: Tensor, patch: int) -> Tensor:
    """Turn channels into blocks of pixels, the inverse of `stack`."""
    count, channels, *size = blocks.shape
    dims = len(size)
    split = blocks.reshape(count, channels // patch**dims, *[patch] * dims, *size)
    order = [place for axis in range(dims) for place in (2 + dims + axis, 2 + axis)]
    return split.permute(0, 1, *order).reshape(count, -1, *[side * patch for side in size])


def _plan(size: tuple[int, ...], patch: int) -> Pyramid:
    """Blocks, then halvings down to about eight places along the longest axis."""
    dims = len(size)
    halvings = max(1, round(math.log2(max(size) / patch / _COARSEST)))
    factor = patch * 2**halvings
    base = tuple(-(-axis // factor) for axis in size)
    return Pyramid(size, base, ((patch,) * dims, *[(2,) * dims] * halvings))


def _waves(times: Tensor, count: int) -> Tensor:
    """Tell (N,) times by cosines and sines of `count` / 2 frequencies each, (N, count).

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5, as in Ho et al. 2020.
    """
    half = count // 2
    steps = torch.arange(half, device=times.device) / half
    angles = times[:, None].float() * torch.exp(-math.log(10_000) * steps)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def _shrink(module: nn.Module) -> None:
    """Draw small what MONAI sets to zero: zeros keep gradients out at first."""
    if isinstance(module, nn.modules.conv._ConvNd) and not module.weight.any():
        nn.init.normal_(module.weight, 0.0, _SMALL)
