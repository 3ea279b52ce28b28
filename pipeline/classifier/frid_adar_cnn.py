"""The liver-lesion classifier of Frid-Adar et al. 2018, arXiv:1803.01229, section II-B.

Three pairs of convolution and max pooling, then two dense layers with dropout between them; the
widths are parameters, with defaults chosen here for crops of 32 to 64 pixels.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from pipeline.config import Count, Section
from pipeline.errors import ParameterError


class FridAdarCnn(nn.Module):
    """Images (N, C, *spatial) to logits (N, classes).

    Args:
        channels: C.
        size: *spatial, two axes or three.
        classes: Logits an image.
        options: Checked `Options`.

    Raises:
        ParameterError: If an axis is too short to be halved by each pooling.
    """

    class Options(Section):
        """Choices of `FridAdarCnn`.

        Args:
            channels: Channels of each convolution.
            dense: Features of the first dense layer.
            dropout: Share of those features that training leaves out.
        """

        channels: Annotated[tuple[Count, ...], Field(min_length=1)] = (32, 64, 128)
        dense: Count = 256
        dropout: float = Field(default=0.5, ge=0.0, lt=1.0)

    def __init__(
        self, channels: int, size: tuple[int, ...], classes: int, options: Options
    ) -> None:
        super().__init__()
        least = 2 ** len(options.channels)
        if min(size) < least:
            raise ParameterError(
                "ingest.size",
                f"got {list(size)}; frid_adar_cnn halves images {len(options.channels)} times, "
                f"so every axis needs {least} pixels or more",
            )
        convolution = nn.Conv3d if len(size) == 3 else nn.Conv2d
        pooling = nn.MaxPool3d if len(size) == 3 else nn.MaxPool2d
        layers: list[nn.Module] = []
        for width in options.channels:
            layers += [convolution(channels, width, 3, padding=1), nn.ReLU(), pooling(2)]
            channels = width
        self.features = nn.Sequential(*layers, nn.Flatten())
        pixels = math.prod(length // least for length in size)
        self.head = nn.Sequential(
            nn.Linear(channels * pixels, options.dense),
            nn.ReLU(),
            nn.Dropout(options.dropout),
            nn.Linear(options.dense, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Classify images in [-1, 1]."""
        logits: Tensor = self.head(self.features(images))
        return logits
