"""What a trained family's discriminator says of real images, for attacks with it at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.compute import Machine
from pipeline.gan.checkpoints import load_model
from pipeline.gan.family import Batch, Judges
from pipeline.gan.naming import file_name
from pipeline.imageset import ImageSet
from pipeline.registry import FAMILIES

_BATCH = 64


@torch.no_grad()
def logits(
    images: ImageSet, *, family: str, directory: Path, machine: Machine
) -> NDArray[np.float64] | None:
    """Ask the discriminators that were trained with a fold's generators.

    Args:
        images: N real images, each judged as of its class.
        family: The registry name.
        directory: Of the fold's models, e.g. `models/dcgan/r0f0g0`.
        machine: Device.

    Returns:
        (N,) logits, of each class by its own model where there is one a class; None if there is no
        discriminator that can be asked: the family has none, the images came without models, or
        they lack the masks that it looks at.

    Raises:
        DataError: If a model is missing or does not fit.
    """
    if family not in FAMILIES or not directory.is_dir():
        return None
    kind = FAMILIES.load(family)
    if not hasattr(kind, "judge") or (kind.makes_masks and not images.has_masks):
        return None
    found = np.empty(len(images))
    for label in images.meta.classes:
        rows = np.flatnonzero(images.manifest["label"].eq(label).to_numpy())
        path = directory / f"{file_name(None if kind.conditional else label)}.safetensors"
        model, facts = load_model(path)
        assert isinstance(model, Judges)
        model.networks.to(machine.device)
        told = facts["classes"].index(label)
        for start in range(0, len(rows), _BATCH):
            some = rows[start : start + _BATCH]
            batch = _batch(images.take(some), told, machine.device)
            found[some] = model.judge(batch).double().cpu().numpy()
    return found


def _batch(images: ImageSet, label: int, device: str) -> Batch:
    masks = None
    if images.has_masks:
        masks = torch.from_numpy((images.masks() > 0).astype(np.float32)).to(device)
    labels = torch.full((len(images),), label, device=device)
    return Batch(labels, torch.from_numpy(images.scaled()).to(device), masks)
