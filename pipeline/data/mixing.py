"""Real and synthetic images in one loader, each batch with the same share of both.

`mix` does it whole; `ShareSampler` alone is for a loader, and datasets, of one's own: any two that
PyTorch can concatenate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sized
from itertools import islice
from pathlib import Path
from typing import Any

from torch.utils import data as torch_data

from pipeline.data.leaks import check_leaks
from pipeline.data.pools import Dataset, batch_counts, passes
from pipeline.imageset import ImageSet
from pipeline.splits import Splits


class ShareSampler(torch_data.Sampler[list[int]]):
    """Batches over `ConcatDataset([real, synthetic])` with a fixed synthetic share.

    Either part comes in shuffled passes of its own, so that neither size shifts the share: more
    synthetic images mean more variety, never more training.

    Args:
        real: The first dataset, or anything of its length.
        synthetic: The second.
        synthetic_share: Share of each batch, between 0 and 1.
        batch: Images in a batch.
        steps: Batches; of an existing loader, `len(loader)`.
        seed: The draws depend on this and on nothing else. `set_epoch` gives others.

    Raises:
        ValueError: If a part is empty, or a share rounds to no image.
    """

    def __init__(
        self,
        real: Sized,
        synthetic: Sized,
        *,
        synthetic_share: float = 0.5,
        batch: int,
        steps: int,
        seed: int = 0,
    ) -> None:
        self._lengths = len(real), len(synthetic)
        if min(self._lengths) == 0:
            raise ValueError("no image is left to draw from, real or synthetic")
        self.counts = batch_counts([1.0 - synthetic_share, synthetic_share], batch)
        self._steps = steps
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw as in this epoch from now on; epoch 0 is where a sampler begins."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Count the batches."""
        return self._steps

    def __iter__(self) -> Iterator[list[int]]:
        """Yield positions, real ones first."""
        names = () if self._epoch == 0 else (self._epoch,)
        starts = (0, self._lengths[0])
        draws = [
            (passes(range(start, start + length), self._seed, index, "all", *names), count)
            for index, (start, length, count) in enumerate(
                zip(starts, self._lengths, self.counts, strict=True)
            )
        ]
        for _ in range(self._steps):
            yield [position for draw, count in draws for position in islice(draw, count)]


def mix(
    real: ImageSet | torch_data.Dataset[Any],
    synthetic: ImageSet | torch_data.Dataset[Any],
    *,
    synthetic_share: float | None = None,
    ratio: float | None = None,
    batch: int,
    steps: int,
    seed: int,
    splits: Splits | Path | str | None = None,
) -> torch_data.DataLoader[Any]:
    """Load real and synthetic images in batches with a fixed synthetic share.

    Args:
        real: Real, or real and classically augmented images: an ImageSet or any dataset.
        synthetic: The same for synthetic ones; of an ImageSet, images that selection refused are
            left out.
        synthetic_share: Share of each batch that is synthetic, between 0 and 1.
        ratio: Instead of a share, synthetic images to each real one; 1 is half and half.
        batch: Images in a batch.
        steps: Batches; more images never mean more of them.
        seed: Determines the draws.
        splits: splits.csv, for the check that both belong to one fold; see `check_leaks`.

    Returns:
        A loader of what the datasets yield: of ImageSets, images (batch, C, *spatial) in [-1, 1]
        and class indices (batch,).

    Raises:
        LeakError: If synthetic images were made from other patients than those in `real`.
        DataError: If two ImageSets disagree in shape or classes.
        ValueError: If not one of share and ratio is given, or a share rounds to no image.
    """
    if isinstance(synthetic, ImageSet):
        synthetic = synthetic.take(synthetic.manifest["selected"].eq(1).to_numpy(bool))
        if isinstance(real, ImageSet):
            check_leaks(real, synthetic, splits)
            Dataset(real, synthetic)  # refuses sets that disagree
    parts: list[Any] = [
        Dataset(part) if isinstance(part, ImageSet) else part for part in (real, synthetic)
    ]
    sampler = ShareSampler(
        *parts, synthetic_share=_share(synthetic_share, ratio), batch=batch, steps=steps, seed=seed
    )
    return torch_data.DataLoader(torch_data.ConcatDataset(parts), batch_sampler=sampler)


def _share(share: float | None, ratio: float | None) -> float:
    if share is not None and ratio is None and 0 < share < 1:
        return share
    if ratio is not None and share is None and ratio > 0:
        return ratio / (1.0 + ratio)
    raise ValueError(
        f"got synthetic_share {share} and ratio {ratio}; give a share between 0 and 1, or a ratio "
        "above 0, and not both"
    )
