"""MONAI's classification networks by their own names, in 2D and 3D.

To offer one more: a line in `NETWORKS` with the names it gives to its channels and classes.
MONAI takes seconds to import, so it is imported only when a network is built. Weights are always
fresh: nothing here reaches for the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import field_validator
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.config import Section
from pipeline.errors import ParameterError, choose_one_of

# Name in monai.networks.nets -> what it calls its input channels and its classes.
NETWORKS: Mapping[str, tuple[str, str]] = {
    "DenseNet121": ("in_channels", "out_channels"),
    "DenseNet169": ("in_channels", "out_channels"),
    "DenseNet201": ("in_channels", "out_channels"),
    "DenseNet264": ("in_channels", "out_channels"),
    "EfficientNetBN": ("in_channels", "num_classes"),
    "SENet154": ("in_channels", "num_classes"),
    "SEResNet50": ("in_channels", "num_classes"),
    "SEResNet101": ("in_channels", "num_classes"),
    "SEResNet152": ("in_channels", "num_classes"),
    "resnet10": ("n_input_channels", "num_classes"),
    "resnet18": ("n_input_channels", "num_classes"),
    "resnet34": ("n_input_channels", "num_classes"),
    "resnet50": ("n_input_channels", "num_classes"),
    "resnet101": ("n_input_channels", "num_classes"),
    "resnet152": ("n_input_channels", "num_classes"),
}
# They halve an image up to five times; shorter axes are padded to this by reflection.
LEAST_PIXELS = 32
_GIVEN = (
    "spatial_dims",
    "pretrained",
    "progress",
    *{key for keys in NETWORKS.values() for key in keys},
)
_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "EfficientNetBN": {"model_name": "efficientnet-b0", "pretrained": False}
}


class MonaiNetwork(nn.Module):
    """Images (N, C, *spatial) to logits (N, classes).

    Args:
        channels: C.
        size: *spatial, two axes or three.
        classes: Logits an image.
        options: Checked `Options`.

    Raises:
        ParameterError: If MONAI refuses the arguments, or the network the size.
    """

    class Options(Section):
        """Choices of `MonaiNetwork`.

        Args:
            network: A key of `NETWORKS`.
            arguments: More arguments of MONAI's own, e.g. `{init_features: 32}`.
        """

        network: str = "DenseNet121"
        arguments: Mapping[str, Any] = {}

        @field_validator("network")
        @classmethod
        def _known(cls, name: str) -> str:
            if name not in NETWORKS:
                raise ValueError(choose_one_of(name, NETWORKS))
            return name

        @field_validator("arguments")
        @classmethod
        def _free(cls, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            taken = sorted(set(arguments) & set(_GIVEN))
            if taken:
                raise ValueError(f"{taken[0]} follows from the images; take it out")
            return arguments

    def __init__(
        self, channels: int, size: tuple[int, ...], classes: int, options: Options
    ) -> None:
        super().__init__()
        from monai.networks import nets

        of_channels, of_classes = NETWORKS[options.network]
        arguments = {
            "spatial_dims": len(size),
            of_channels: channels,
            of_classes: classes,
            **_DEFAULTS.get(options.network, {}),
            **options.arguments,
        }
        try:
            self.network: nn.Module = getattr(nets, options.network)(**arguments)
        except Exception as error:  # whatever MONAI raises is about these arguments
            raise ParameterError(
                "classify.options.arguments", f"{options.network} refuses them: {_line(error)}"
            ) from error
        self._check(options.network, channels, size)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images in [-1, 1]."""
        logits: Tensor = self.network(_padded(images))
        return logits

    def _check(self, name: str, channels: int, size: tuple[int, ...]) -> None:
        """Try one image, so that a size that cannot work shows before training."""
        try:
            with torch.no_grad():
                self.eval()(torch.zeros(1, channels, *size))
        except RuntimeError as error:
            raise ParameterError(
                "ingest.size", f"got {list(size)}, which {name} cannot take: {_line(error)}"
            ) from error
        self.train()


def _padded(images: Tensor) -> Tensor:
    """Pad axes below `LEAST_PIXELS` on both sides by reflection."""
    padding: list[int] = []
    for length in reversed(images.shape[2:]):
        short = max(LEAST_PIXELS - length, 0)
        padding += [short // 2, short - short // 2]
    return F.pad(images, padding, mode="reflect") if any(padding) else images


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
