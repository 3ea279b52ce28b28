"""Probabilities of a trained classifier, independent of how images are batched."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.compute import Machine, autocast
from pipeline.imageset import ImageSet


def predict(
    network: nn.Module, images: ImageSet, machine: Machine, *, batch: int = 256
) -> NDArray[np.float64]:
    """Classify images.

    Args:
        network: Images (N, C, *spatial) in [-1, 1] to logits (N, K), on the machine's device.
        images: The images.
        machine: Device and precision.
        batch: Images at a time; changes speed and memory, not the result.

    Returns:
        (N, K) softmax probabilities, in the order of `meta.classes`.
    """
    network.eval()
    found: list[NDArray[np.float64]] = []
    for start in range(0, len(images), batch):
        rows = slice(start, start + batch)
        inputs = to_device(torch.from_numpy(images.scaled(rows)), machine)
        with torch.inference_mode(), autocast(machine):
            logits = network(inputs)
        found.append(torch.softmax(logits.double(), dim=1).cpu().numpy())
    return np.concatenate(found) if found else np.empty((0, len(images.meta.classes)))


def to_device(images: Tensor, machine: Machine) -> Tensor:
    """Move images to the device, channels last: the layout that convolutions are quickest in."""
    return images.to(machine.device, memory_format=_layout(images.ndim - 2))


def laid_out(network: nn.Module, spatial_dims: int) -> nn.Module:
    """Lay a network's weights out as `to_device` does images."""
    network.to(memory_format=_layout(spatial_dims))  # type: ignore[call-overload]
    return network


def _layout(spatial_dims: int) -> torch.memory_format:
    return torch.channels_last_3d if spatial_dims == 3 else torch.channels_last
