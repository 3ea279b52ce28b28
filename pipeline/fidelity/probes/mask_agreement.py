"""Do generated masks outline what is in the generated images?

A segmentation network learns from a fold's real images and masks; where generated pairs are true to
each other, it overlaps with generated masks as well as with held-out real ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipeline.classifier.prediction import to_device
from pipeline.compute import Machine
from pipeline.fidelity.floor import Measured
from pipeline.fidelity.kept import kept
from pipeline.fidelity.probes.probe import Question
from pipeline.imageset import ImageSet
from pipeline.seeding import seed_initialisation, torch_rng

_CHANNELS = (16, 32, 64)
_STRIDES = (2, 2)
_MULTIPLE = 4
_BATCH = 16
_RATE = 3e-3


def mask_agreement(question: Question) -> dict[str, Measured | float]:
    """Train a segmentation network on real rows and measure its overlap with the masks.

    Returns:
        `dice`: the mean Dice coefficient over images with a mask that is not empty, and
        `dice_ratio`, what it is of the held-out images' own. Nothing where masks are missing.
    """
    parts = [_masked(each) for each in (question.training, question.held_out, question.synthetic)]
    if not all(parts):
        return {}
    training, held_out, synthetic = (each for each in parts if each is not None)
    facts = {"steps": question.steps, "seed": question.seed}
    weights, _ = kept(
        "segmentation",
        lambda: _fit(training, question),
        sets=[training],
        facts=facts,
        machine=question.machine,
    )
    network = _network(training, question).eval()
    network.load_state_dict(weights)
    real = _dice(network, held_out, question.machine)
    made = _dice(network, synthetic, question.machine)
    low, high = _interval(real)
    return {
        "dice": Measured(float(made.mean()), float(real.mean()), low, high),
        "dice_ratio": float(made.mean() / max(real.mean(), 1e-6)),
    }


def _masked(images: ImageSet) -> ImageSet | None:
    """The rows with a mask that is not empty, or None where there are none."""
    if not images.has_masks:
        return None
    chosen = images.masks().reshape(len(images), -1).any(1)
    return images.take(chosen) if chosen.any() else None


def _network(images: ImageSet, question: Question) -> nn.Module:
    from monai.networks.nets.unet import UNet

    seed_initialisation(question.seed, "segmentation")
    network: nn.Module = UNet(
        spatial_dims=images.spatial_dims,
        in_channels=images.shape[0],
        out_channels=1,
        channels=_CHANNELS,
        strides=_STRIDES,
        num_res_units=1,
    )
    return network.to(question.machine.device)


def _fit(images: ImageSet, question: Question) -> Mapping[str, Tensor]:
    """Minimise cross entropy and Dice loss together, on rows mirrored at random."""
    from monai.losses.dice import DiceCELoss

    network = _network(images, question).train()
    optimiser = torch.optim.AdamW(network.parameters(), _RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, _RATE, total_steps=max(2, question.steps)
    )
    criterion = DiceCELoss(sigmoid=True)
    rng = torch_rng(question.seed, "segmentation")
    pixels, masks = torch.from_numpy(images.scaled()), torch.from_numpy(images.masks() > 0).float()
    for _ in range(question.steps):
        rows = torch.randint(len(images), (_BATCH,), generator=rng)
        axes = [axis for axis in range(2, pixels.ndim) if torch.rand(1, generator=rng).item() < 0.5]
        inputs = to_device(pixels[rows].flip(axes), question.machine)
        targets = masks[rows].flip(axes).to(question.machine.device)
        loss = criterion(_segment(network, inputs), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.state_dict()


def _segment(network: nn.Module, images: Tensor) -> Tensor:
    """Logits (N, 1, *spatial), for sizes that the network's strides do not divide too."""
    amounts: list[int] = []
    for length in reversed(images.shape[2:]):
        amounts += [0, -length % _MULTIPLE]
    logits: Tensor = network(functional.pad(images, amounts, mode="replicate"))
    for axis, length in enumerate(images.shape[2:], start=2):
        logits = logits.narrow(axis, 0, length)
    return logits


@torch.no_grad()
def _dice(network: nn.Module, images: ImageSet, machine: Machine) -> NDArray[np.float64]:
    """Dice coefficient of each image."""
    found = []
    for start in range(0, len(images), 256):
        rows = slice(start, start + 256)
        logits = _segment(network, to_device(torch.from_numpy(images.scaled(rows)), machine))
        seen = (logits > 0).flatten(1).cpu().numpy()
        true = images.masks(rows).reshape(len(seen), -1) > 0
        found.append(2.0 * (seen & true).sum(1) / (seen.sum(1) + true.sum(1)))
    return np.concatenate(found)


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Normal 95% interval of a mean."""
    half = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean() - half), float(values.mean() + half)
