"""ImageSets as PyTorch data: a dataset, and a sampler of batches with fixed shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.utils import data as torch_data

from pipeline.errors import DataError
from pipeline.imageset import ImageSet
from pipeline.seeding import numpy_rng


@dataclass(frozen=True)
class Pool:
    """Images that are drawn from together.

    Args:
        images: The images.
        share: Share of each batch that comes from this pool; the shares of a mixture sum to 1.
        class_shares: Share of each class in what is drawn, in the order of `meta.classes`;
            None draws the images as they come. Classes without images are left out.
        transformed: Share of the drawn images that is augmented online.
    """

    images: ImageSet
    share: float = 1.0
    class_shares: tuple[float, ...] | None = None
    transformed: float = 0.0


class Dataset(torch_data.Dataset[tuple[Tensor, int]]):
    """One or more ImageSets, end to end, as pairs of a model input and a class index.

    Args:
        sets: The sets; they must agree in classes and in the shape of an image.

    Raises:
        DataError: If two sets disagree; the message names them.
    """

    def __init__(self, *sets: ImageSet) -> None:
        for other in sets[1:]:
            _check_alike(sets[0], other)
        self.sets = sets
        self.starts = np.cumsum([0, *(len(images) for images in sets)])
        self.labels: NDArray[np.int64] = np.concatenate([images.labels for images in sets])

    def __len__(self) -> int:
        """Count the images of all sets."""
        return len(self.labels)

    def __getitem__(self, position: int) -> tuple[Tensor, int]:
        """Read one image, (C, *spatial) float32 in [-1, 1], and its class index."""
        images, labels = self.read([position])
        return images[0], int(labels[0])

    def __getitems__(self, positions: Sequence[int]) -> list[tuple[Tensor, int]]:
        """Read many images at once, as PyTorch's loaders do where they can."""
        images, labels = self.read(positions)
        return [(image, int(label)) for image, label in zip(images, labels, strict=True)]

    @cached_property
    def spacing(self) -> Tensor:
        """(N, D) pixel spacing of every image in units of its first axis'; ones where unknown.

        Shears and turns need no more than the proportions, and isotropic images have exactly ones.
        """
        spacing = np.concatenate([images.spacing for images in self.sets])
        return torch.from_numpy(spacing / spacing[:, :1])

    def read(self, positions: ArrayLike) -> tuple[Tensor, Tensor]:
        """Read images, (n, C, *spatial) float32 in [-1, 1], and class indices, (n,) int64."""
        wanted = np.asarray(positions, np.int64)
        images = np.empty((len(wanted), *self.sets[0].shape), np.float32)
        owner = np.searchsorted(self.starts, wanted, side="right") - 1
        for index in np.unique(owner):
            mine = owner == index
            images[mine] = self.sets[index].scaled(wanted[mine] - self.starts[index])
        return torch.from_numpy(images), torch.from_numpy(self.labels[wanted])


class BatchSampler(torch_data.Sampler[list[int]]):
    """A fixed number of batches, each with the same number of images from every pool.

    Within a pool, or a class of it where class shares are given, images come in shuffled passes,
    so that none is drawn twice before all are drawn once; class counts stay within one image of
    their shares. Positions are those of `Dataset(*(pool.images for pool in pools))`.

    Args:
        pools: What to draw from.
        batch: Images in a batch.
        steps: Batches.
        seed: The draws depend on this and on nothing else.

    Raises:
        ValueError: If shares do not sum to 1, a share rounds to no image, or a pool has no image.
    """

    def __init__(self, pools: Sequence[Pool], *, batch: int, steps: int, seed: int) -> None:
        self.counts = batch_counts([pool.share for pool in pools], batch)
        for pool in pools:
            if len(pool.images) == 0:
                raise ValueError(f"{pool.images.root}: no image is left to draw from")
        self._pools = pools
        self._steps = steps
        self._seed = seed

    def __len__(self) -> int:
        """Count the batches."""
        return self._steps

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the positions of each batch, pool after pool."""
        start, draws = 0, []
        for index, (pool, count) in enumerate(zip(self._pools, self.counts, strict=True)):
            draws.append((_draw(pool, start, seed=self._seed, index=index), count))
            start += len(pool.images)
        for _ in range(self._steps):
            yield [position for draw, count in draws for position in islice(draw, count)]


def uniform_batches(count: int, *, batch: int, steps: int, seed: int) -> Iterator[list[int]]:
    """Yield batches of positions below `count`, all drawn equally often, in shuffled passes.

    They are those of a `BatchSampler` over one pool of as many images.
    """
    draw = passes(np.arange(count), seed, 0, "all")
    for _ in range(steps):
        yield list(islice(draw, batch))


def batch_counts(shares: Sequence[float], batch: int) -> list[int]:
    """Divide a batch by shares, the largest remainders rounded up.

    Raises:
        ValueError: If the shares do not sum to 1, or a share rounds to no image.
    """
    if abs(sum(shares) - 1.0) > 1e-6:
        raise ValueError(f"shares {list(shares)} sum to {sum(shares):g}, not 1")
    exact = np.asarray(shares, np.float64) * batch
    counts = np.floor(exact + 1e-9).astype(np.int64)
    for index in np.argsort(counts - exact, kind="stable")[: batch - counts.sum()]:
        counts[index] += 1
    if counts.min() < 1:
        raise ValueError(f"a batch of {batch} is too small for the shares {list(shares)}")
    return [int(count) for count in counts]


def class_frequencies(images: ImageSet) -> tuple[float, ...]:
    """The share of each class of a set, in the order of `meta.classes`."""
    counts = np.bincount(images.labels, minlength=len(images.meta.classes))
    return tuple(float(count) for count in counts / counts.sum())


def passes(
    positions: NDArray[np.int64] | Sequence[int], seed: int, *names: str | int
) -> Iterator[int]:
    """Yield positions without end, in shuffled passes: none twice before all came once."""
    rng = numpy_rng(seed, "draw", *names)
    while True:
        yield from rng.permutation(positions).tolist()


def _draw(pool: Pool, start: int, *, seed: int, index: int) -> Iterator[int]:
    """Yield positions of a pool, which starts at `start`, without end."""
    labels = pool.images.labels
    if pool.class_shares is None:
        yield from passes(np.arange(len(labels)) + start, seed, index, "all")
        return
    present = np.unique(labels)
    shares = np.asarray(pool.class_shares, np.float64)[present]
    if shares.sum() <= 0:
        raise ValueError(f"{pool.images.root}: every class with images has a share of 0")
    shares = shares / shares.sum()
    of_class = [passes(np.flatnonzero(labels == k) + start, seed, index, int(k)) for k in present]
    drawn = np.zeros(len(present))
    while True:
        # The class furthest behind its share is next, so rare classes keep theirs in any batch.
        k = int(np.argmax(shares * (drawn.sum() + 1) - drawn))
        drawn[k] += 1
        yield next(of_class[k])


def _check_alike(one: ImageSet, other: ImageSet) -> None:
    if one.meta.classes != other.meta.classes:
        raise DataError(
            other.root,
            f"has the classes {list(other.meta.classes)}, but {one.root} has "
            f"{list(one.meta.classes)}; sets that are mixed need the same, in the same order",
        )
    if one.shape != other.shape:
        raise DataError(
            other.root,
            f"has images of shape {other.shape}, but {one.root} of {one.shape}; "
            "sets that are mixed need one shape",
        )
    if (one.meta.unit, one.meta.window) != (other.meta.unit, other.meta.window):
        raise DataError(
            other.root,
            f"has {other.meta.unit} with the window {list(other.meta.window)}, but {one.root} "
            f"{one.meta.unit} with {list(one.meta.window)}; open it with `like=` the other",
        )
