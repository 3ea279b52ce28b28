"""The phantom's scanner: the grid that anatomy is drawn on, the blur and the noise of a CT.

Everything is drawn on a 3D grid in millimetres around the lesion; an image of two axes is its
slice through the middle. The grid is finer than the image where pixels are coarse, and the image
is averaged from it, as a detector would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.sources import geometry

Volume: TypeAlias = NDArray[np.float32]
FINEST_MM = 1.25


@dataclass(frozen=True)
class Grid:
    """Where the phantom is drawn.

    Args:
        size: *spatial of the image to make, two axes or three.
        spacing_mm: Spacing of the image, equal along all axes.
        oversampling: Grid points for each image pixel, along each axis.
    """

    size: tuple[int, ...]
    spacing_mm: float
    oversampling: int

    @classmethod
    def over(cls, size: Sequence[int], field_mm: float) -> Grid:
        """Make the grid of an image whose longest side is `field_mm` long."""
        spacing = field_mm / max(size)
        return cls(tuple(size), spacing, max(1, int(np.ceil(spacing / FINEST_MM))))

    @property
    def step_mm(self) -> float:
        """Distance between grid points."""
        return self.spacing_mm / self.oversampling

    @property
    def shape(self) -> tuple[int, int, int]:
        """Grid points along x, y and z; one along z for an image of two axes."""
        points = [count * self.oversampling for count in self.size]
        return (points[0], points[1], points[2] if len(points) == 3 else 1)

    @property
    def axes(self) -> tuple[Volume, Volume, Volume]:
        """Positions in mm from the middle, as three arrays that broadcast to `shape`."""
        x, y, z = (
            ((np.arange(count) - (count - 1) / 2) * self.step_mm).astype(np.float32)
            for count in self.shape
        )
        return x[:, None, None], y[None, :, None], z[None, None, :]

    def to_image(self, volume: Volume) -> Volume:
        """Average a volume of the grid's shape to the image, (1, *size)."""
        return geometry.resize(self._drop_z(volume), self.size)

    def to_mask(self, volume: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Average a mask of the grid's shape to the image, (1, *size)."""
        mask = self._drop_z(volume)
        return geometry.mask_view(mask, geometry.image_centre(mask), mask.shape[1:], self.size)

    def _drop_z(self, volume: NDArray[np.generic]) -> NDArray[np.generic]:
        return volume[None, ..., 0] if len(self.size) == 2 else volume[None]


@dataclass(frozen=True)
class Scanner:
    """How one patient was scanned.

    Args:
        noise_hu: Standard deviation of the noise before the image is averaged from the grid.
        cutoff_per_mm: Where the reconstruction kernel damps the noise's spectrum to 1/e.
        blur_mm: Standard deviation of the point spread in the axial plane.
        thickness_mm: Standard deviation of the point spread across it.
    """

    noise_hu: float
    cutoff_per_mm: float
    blur_mm: float
    thickness_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Scanner:
        """Draw a scanner and dose."""
        return cls(
            noise_hu=float(np.clip(rng.lognormal(np.log(11.0), 0.3), 6.0, 22.0)),
            cutoff_per_mm=float(rng.uniform(0.16, 0.28)),
            blur_mm=float(rng.uniform(0.6, 1.1)),
            thickness_mm=float(rng.uniform(0.8, 1.6)),
        )

    def scan(self, volume: Volume, grid: Grid, *, rng: np.random.Generator) -> Volume:
        """Blur a volume and add noise; both in HU on the grid."""
        widths = [self.blur_mm, self.blur_mm, self.thickness_mm]
        blurred = ndimage.gaussian_filter(volume, np.divide(widths, grid.step_mm), mode="nearest")
        return (blurred + self._noise(grid, rng)).astype(np.float32)

    def _noise(self, grid: Grid, rng: np.random.Generator) -> Volume:
        """Draw noise whose spectrum rises with frequency, then falls with the kernel.

        Filtered backprojection weighs white projection noise with a ramp: Riederer, Pelc and
        Chesler 1978, "The noise power spectrum in computed X-ray tomography", equation 14.
        """
        white = rng.standard_normal(grid.shape, dtype=np.float32)
        along = [np.fft.fftfreq(count, grid.step_mm) for count in grid.shape]
        radius = np.hypot(along[0][:, None, None], along[1][None, :, None])
        # A little power at zero frequency: real scans also wander in level from slice to slice.
        power = (radius + 0.01) * np.exp(-((radius / self.cutoff_per_mm) ** 2))
        power = power * np.exp(-((2 * np.pi * along[2][None, None, :] * self.thickness_mm) ** 2))
        gain = np.sqrt(power / power.mean())
        noise = np.fft.ifftn(np.fft.fftn(white) * gain).real
        return (self.noise_hu * noise).astype(np.float32)
