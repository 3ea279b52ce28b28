"""A small residual network for crops of 24 to 64 pixels, in 2D and 3D, quick without a GPU.

He et al. 2016, arXiv:1512.03385, section 4.2 (the CIFAR networks), with one block a stage and
the norm by choice.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.config import Count, Section


class SmallResNet(nn.Module):
    """Images (N, C, *spatial) to logits (N, classes).

    Args:
        channels: C.
        size: *spatial, two axes or three.
        classes: Logits an image.
        options: Checked `Options`.
    """

    class Options(Section):
        """Choices of `SmallResNet`.

        Args:
            channels: Channels of each stage; every stage but the first halves the size.
            blocks: Residual blocks in a stage.
            norm: `batch`, or `group`, which sees each image alone.
            dropout: Share of the features that training leaves out before the last layer.
        """

        channels: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 32, 64)
        blocks: Count = 1
        norm: Literal["batch", "group"] = "batch"
        dropout: float = Field(default=0.0, ge=0.0, lt=1.0)

    def __init__(
        self, channels: int, size: tuple[int, ...], classes: int, options: Options
    ) -> None:
        super().__init__()
        dims, width = len(size), options.channels[0]
        self.stem = nn.Sequential(
            _convolution(dims, channels, width), _norm(dims, width, options.norm), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        for stage, wider in enumerate(options.channels):
            for block in range(options.blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(_Block(dims, width, wider, stride, options.norm))
                width = wider
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images in [-1, 1]."""
        features = self.blocks(self.stem(images)).flatten(2).mean(dim=2)
        logits: Tensor = self.head(self.dropout(features))
        return logits


class _Block(nn.Module):
    def __init__(self, dims: int, narrow: int, wide: int, stride: int, norm: str) -> None:
        super().__init__()
        self.first = _convolution(dims, narrow, wide, stride=stride)
        self.first_norm = _norm(dims, wide, norm)
        self.second = _convolution(dims, wide, wide)
        self.second_norm = _norm(dims, wide, norm)
        # Each block starts as its shortcut: Goyal et al. 2017, arXiv:1706.02677, section 5.1.
        nn.init.zeros_(self.second_norm.weight)  # type: ignore[arg-type]
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or narrow != wide:
            self.shortcut = nn.Sequential(
                _convolution(dims, narrow, wide, kernel=1, stride=stride), _norm(dims, wide, norm)
            )

    def forward(self, images: Tensor) -> Tensor:
        inner = F.relu(self.first_norm(self.first(images)))
        return F.relu(self.second_norm(self.second(inner)) + self.shortcut(images))


def _convolution(
    dims: int, narrow: int, wide: int, *, kernel: int = 3, stride: int = 1
) -> nn.Module:
    kind = nn.Conv3d if dims == 3 else nn.Conv2d
    layer = kind(narrow, wide, kernel, stride, kernel // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer


def _norm(dims: int, width: int, kind: str) -> nn.Module:
    if kind == "group":
        groups = next(count for count in (8, 4, 2, 1) if width % count == 0)
        return nn.GroupNorm(groups, width)
    return nn.BatchNorm3d(width) if dims == 3 else nn.BatchNorm2d(width)
