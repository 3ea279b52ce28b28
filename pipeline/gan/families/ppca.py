"""Probabilistic principal component analysis of one class: a baseline with an exact likelihood.

An image is a mean, plus a few directions in which training images differ, each by a normal
amount, plus independent normal noise in every pixel; the maximum of the likelihood is known in
closed form, so there is nothing to train. What adversarial training must beat to be worth its time.

scikit-learn gives the directions and their variances. Its `noise_variance_` is the mean over the
variances that the training rows can show, fewer than pixels where there are few rows; the noise
here is the paper's, the mean over all directions left out, which is far smaller. How many
directions are kept is chosen by the likelihood of rows of other patients within the training rows:
Minka's estimate needs more rows than pixels.

Sources: Tipping and Bishop 1999, Journal of the Royal Statistical Society B 61 (3), 611-622,
equations 7 and 8; the number by likelihood: Minka 2000, Automatic choice of dimensionality for PCA.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Generator, Tensor, nn

from pipeline.config import Count
from pipeline.errors import ParameterError
from pipeline.gan import latents
from pipeline.gan.diets.feed import mirrored_axes
from pipeline.gan.family import Batch, Mirror, Phase, Report, Sampled, Shape, TrainingOptions
from pipeline.imageset import ImageSet

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

_PARTS = 3


class PpcaOptions(TrainingOptions):
    """What can be chosen.

    Attributes:
        mirror: Fit each row together with its mirror images.
        components: Directions that are kept; 0 chooses their number by held-out likelihood.
        most: The greatest number that is tried, and the room that a model's file keeps.
    """

    steps: Count = 1
    copies: bool = False
    mirror: Mirror = True
    examinations: Annotated[int, Field(ge=0)] = 1
    components: Annotated[int, Field(ge=0)] = 0
    most: Count = 128


class Ppca:
    """The family; see the module."""

    Options: ClassVar[type[TrainingOptions]] = PpcaOptions
    conditional: ClassVar[bool] = False
    batches: ClassVar[str] = "plain"
    makes_masks: ClassVar[bool] = False

    def __init__(self, shape: Shape, options: PpcaOptions) -> None:
        """Make room for the fit."""
        self.options = options
        directions = max(options.most, options.components)
        self.networks = nn.ModuleDict({"gaussian": _Gaussian(shape, directions)})

    def prepare(self, train: ImageSet, rng: np.random.Generator) -> None:
        """Fit mean, directions and noise.

        Args:
            train: Rows of one class.
            rng: Draws the start of scikit-learn's randomised solver, and the parts.

        Raises:
            ParameterError: If there are too few rows.
        """
        images, patients = train.scaled(), train.manifest["patient_id"].to_numpy(str)
        if len(images) < 2:
            raise ParameterError(
                "train_gan.families",
                f"ppca got {len(images)} training image of a class and needs at least 2; leave it "
                "out or use fewer split.folds",
            )
        number = self.options.components or self._best_number(images, patients, rng)
        rows = self._rows(images)
        fitted = _fit(rows, number, rng)
        gaussian = self.networks["gaussian"]
        assert isinstance(gaussian, _Gaussian)
        gaussian.fill(fitted, _noise_variances(fitted, rows)[-1])

    def phases(self, step: int) -> Sequence[Phase]:  # noqa: ARG002
        """Nothing is trained."""
        return ()

    def loss(self, phase: str, batch: Batch, rng: Generator) -> Report:
        """Never asked for, since there is no phase."""
        raise NotImplementedError

    def sample(self, given: Batch, rngs: Sequence[Generator]) -> Sampled:
        """Generate N images, image i from generator i alone."""
        return self.decode(self.latents(rngs), given)

    def latents(self, rngs: Sequence[Generator]) -> Tensor:
        """Draw (N, directions + pixels): amounts of the directions, and the noise."""
        return latents.normal(self.networks["gaussian"].length, rngs)  # type: ignore[arg-type]

    def decode(self, latents: Tensor, given: Batch) -> Sampled:  # noqa: ARG002
        """Add up mean, directions and noise; clip to what an image can hold."""
        images: Tensor = self.networks["gaussian"](latents)
        return Sampled(images.clamp(-1.0, 1.0))

    def _rows(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C, *spatial) -> (M, D), with all mirror images where they are asked for."""
        for axis in mirrored_axes(self.options.mirror, images.ndim - 2):
            images = np.concatenate([images, np.flip(images, axis + 2)])
        return images.reshape(len(images), -1)

    def _best_number(
        self, images: NDArray[np.float32], patients: NDArray[np.str_], rng: np.random.Generator
    ) -> int:
        """The number of directions, at least 1, under which rows of other patients are likeliest.

        Each part of the patients is held out once. Held-out rows need no mirroring: a fit to
        mirrored rows finds an image and its mirror images equally likely.
        """
        groups = patients if len(np.unique(patients)) > 1 else np.arange(len(images)).astype(str)
        names = rng.permutation(np.unique(groups))
        totals: list[NDArray[np.float64]] = []
        for part in range(min(_PARTS, len(names))):
            held = np.isin(groups, names[part::_PARTS])
            rows = self._rows(images[~held])
            if len(rows) > 2:
                fitted = _fit(rows, self.options.most, rng)
                totals.append(_log_likelihoods(fitted, rows, images[held].reshape(held.sum(), -1)))
        fewest = min((len(total) for total in totals), default=0)
        return 1 + int(np.argmax(sum(total[:fewest] for total in totals))) if fewest else 1


class _Gaussian(nn.Module):
    """(N, directions + pixels) standard normal latents -> (N, C, *spatial)."""

    mean: Tensor
    directions: Tensor
    noise: Tensor

    def __init__(self, shape: Shape, directions: int) -> None:
        super().__init__()
        self._image = (shape.channels, *shape.size)
        pixels = math.prod(self._image)
        self.length = directions + pixels
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("directions", torch.zeros(directions, pixels))
        self.register_buffer("noise", torch.zeros(()))

    def fill(self, fitted: PCA, noise_variance: float) -> None:
        """Take a fit; what it has fewer directions than there is room for stays zero."""
        lengths = np.sqrt(np.maximum(fitted.explained_variance_ - noise_variance, 0.0))
        self.mean.copy_(torch.from_numpy(fitted.mean_))
        self.directions.zero_()
        scaled = torch.from_numpy(lengths[:, None] * fitted.components_)
        self.directions[: len(lengths)] = scaled
        self.noise.fill_(math.sqrt(noise_variance))

    def forward(self, latents: Tensor) -> Tensor:
        amounts, noise = latents[:, : len(self.directions)], latents[:, len(self.directions) :]
        images = self.mean + amounts @ self.directions + self.noise * noise
        return images.reshape(-1, *self._image)


def _fit(rows: NDArray[np.float32], most: int, rng: np.random.Generator) -> PCA:
    """Find up to `most` directions; one fewer than there are rows or pixels at the most."""
    from sklearn.decomposition import PCA

    number = min(most, min(rows.shape) - 1)
    return PCA(number, random_state=int(rng.integers(2**31))).fit(rows)


def _noise_variances(fitted: PCA, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """The noise with the first 1, 2, ... directions kept: equation 8, zero variances counted."""
    total = rows.var(axis=0, ddof=1, dtype=np.float64).sum()
    kept = np.arange(1, len(fitted.explained_variance_) + 1)
    left = total - np.cumsum(fitted.explained_variance_, dtype=np.float64)
    variances: NDArray[Any] = np.maximum(left, 1e-12) / (rows.shape[1] - kept)
    return variances


def _log_likelihoods(
    fitted: PCA, rows: NDArray[np.float32], held: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Log likelihood of rows that were held out, with the first 1, 2, ... directions kept.

    Args:
        fitted: With (Q,) directions.
        rows: (M, D) that it was fitted to.
        held: (N, D) others.

    Returns:
        (Q,) sums over the held-out rows, up to the same constant.
    """
    variances = np.asarray(fitted.explained_variance_, np.float64)
    noise = _noise_variances(fitted, rows)
    kept = np.arange(1, len(variances) + 1)
    centred = (held - fitted.mean_).astype(np.float64)
    along = (centred @ fitted.components_.T) ** 2
    across = (centred**2).sum(1, keepdims=True) - np.cumsum(along, axis=1)
    distances = np.cumsum(along / variances, axis=1) + across / noise
    determinants = np.cumsum(np.log(variances)) + (held.shape[1] - kept) * np.log(noise)
    totals: NDArray[np.float64] = -0.5 * (distances + determinants).sum(0)
    return totals
