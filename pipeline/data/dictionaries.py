"""Images as MONAI dictionaries, for `monai.data.Dataset`, `CacheDataset` and dictionary transforms.

The list makes each dictionary when it is asked for, so that a large set costs no memory: MONAI's
datasets take any sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from pipeline.imageset import ImageSet, parsed_spacing
from pipeline.imageset.orientation import axes_of

if TYPE_CHECKING:
    from monai.data.meta_tensor import MetaTensor


class MonaiItems(Sequence[dict[str, Any]]):
    """A sequence of dictionaries; see `monai_items`."""

    def __init__(self, images: ImageSet, *, scaled: bool) -> None:
        self._images = images
        self._scaled = scaled

    def __len__(self) -> int:
        """Count the images."""
        return len(self._images)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> MonaiItems: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | MonaiItems:
        """Read one image, or view some."""
        if isinstance(index, slice):
            rows = np.arange(len(self))[index]
            return MonaiItems(self._images.take(rows), scaled=self._scaled)
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self._item(index % len(self))

    def _item(self, row: int) -> dict[str, Any]:
        images, manifest = self._images, self._images.manifest
        pixels = images.scaled([row])[0] if self._scaled else images.stored([row])[0]
        spacing = parsed_spacing(manifest["spacing_mm"].iloc[row])
        item = {
            "image": self._tensor(pixels.astype(np.float32), spacing),
            "label": int(images.labels[row]),
            "class": str(manifest["label"].iloc[row]),
            "image_id": str(manifest["image_id"].iloc[row]),
            "synthetic": manifest["origin"].iloc[row] not in ("real", "classical"),
        }
        if images.has_masks:
            item["mask"] = self._tensor(images.masks([row])[0], spacing)
        return item

    def _tensor(self, pixels: NDArray[Any], spacing: tuple[float, ...]) -> MetaTensor:
        import torch
        from monai.data.meta_tensor import MetaTensor

        meta = self._images.meta
        about = {
            "spacing_mm": list(spacing),
            "unit": meta.unit,
            "window": list(meta.window),
            "orientation": meta.orientation,
        }
        axes = axes_of(meta.orientation, self._images.spatial_dims, place=self._images.root)
        placed = axes.affine(spacing)
        return MetaTensor(
            torch.from_numpy(np.ascontiguousarray(pixels)), torch.from_numpy(placed), about
        )


def monai_items(images: ImageSet, *, scaled: bool = False) -> MonaiItems:
    """List images as MONAI dictionaries.

    Args:
        images: Any set.
        scaled: Pixels in [-1, 1], rather than in the stored unit, e.g. HU, for transforms of
            one's own such as `ScaleIntensityRanged`.

    Returns:
        Dictionaries of `image` and, where there are masks, `mask` (MetaTensor, (C, *spatial), with
        the affine in millimetres), `label` (class index), `class`, `image_id` and `synthetic`.
    """
    return MonaiItems(images, scaled=scaled)
