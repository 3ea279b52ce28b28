"""A ResNet whose weights come from safetensors, e.g. RadImageNet's ResNet-50.

Weights have torchvision's and MONAI's names: `conv1.weight`, `bn1.bias`, `layer1.0.conv1.weight`.
The last linear layer, `fc`, may be there and is not used; every other name must fit. Whoever has a
`.pt` converts it once, by the command in docs/pretrained-features.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pipeline.errors import ParameterError

LAYERS = ("layer1", "layer2", "layer3", "layer4")
_HEAD = "fc."
# Counts batches for a momentum that evaluation has no use for; old files lack it.
_COUNTER = "num_batches_tracked"


class Trunk(nn.Module):
    """A ResNet up to one of its layers.

    Args:
        resnet: MONAI's.
        last: The layer whose output is returned.
    """

    def __init__(self, resnet: Any, last: str) -> None:
        super().__init__()
        self.stem = nn.Sequential(resnet.conv1, resnet.bn1, nn.ReLU(), resnet.maxpool)
        chosen = LAYERS[: LAYERS.index(last) + 1]
        self.layers = nn.Sequential(*(getattr(resnet, name) for name in chosen))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, rows, columns) -> (N, D, rows', columns')."""
        features: Tensor = self.layers(self.stem(images))
        return features


def build(network: str, channels: int) -> Any:
    """Make torchvision's ResNet of two dimensions with MONAI's, weights random."""
    from monai.networks.nets import resnet

    make = getattr(resnet, network)
    return make(
        spatial_dims=2,
        n_input_channels=channels,
        num_classes=1,
        conv1_t_stride=2,
        shortcut_type="B",
        bias_downsample=False,
    )


def load(path: Path, network: str, channels: int, output: str | None, *, place: str) -> Trunk:
    """Read weights into a network, in evaluation mode.

    Args:
        path: The safetensors.
        network: `resnet18`, `resnet34` or `resnet50`.
        channels: Of its input.
        output: The layer to stop at; None is the last.
        place: Where the path stands in params.yaml, for messages.

    Raises:
        ParameterError: If the file is of another kind, or holds another network's weights.
    """
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ParameterError(place, f"got {str(path)!r}, which cannot be read: {error}") from error
    resnet = build(network, channels)
    expected = {name: value for name, value in resnet.state_dict().items() if _counts(name)}
    given = {name: value for name, value in weights.items() if _counts(name)}
    if difference := _difference(expected, given):
        raise ParameterError(
            place, f"got {str(path)!r}, which does not hold a {network}: {difference}"
        )
    resnet.load_state_dict({**resnet.state_dict(), **given})
    return Trunk(resnet, output or LAYERS[-1]).eval().requires_grad_(False)


def _counts(name: str) -> bool:
    return not name.startswith(_HEAD) and not name.endswith(_COUNTER)


def _difference(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """The first thing that does not fit, in words."""
    if missing := sorted(set(expected) - set(given)):
        return f"it lacks {missing[0]} and {len(missing) - 1} more"
    if extra := sorted(set(given) - set(expected)):
        return f"it has {extra[0]} and {len(extra) - 1} more that there is no place for"
    for name, value in expected.items():
        if value.shape != given[name].shape:
            return f"{name} has shape {tuple(given[name].shape)}, not {tuple(value.shape)}"
        if not torch.isfinite(given[name]).all():
            return f"{name} holds numbers that are not finite"
    return ""
