"""NIfTI-1 files in the stored unit, with orientation and spacing, and a table of labels.

`images/<fold>/<image_id>.nii.gz`, `masks/` alike, and `labels.csv`. See `nifti_file` for the axes.
"""

from __future__ import annotations

from typing import ClassVar

from pipeline.config import Section
from pipeline.exports.export import DESCRIBED, Sample, Shipment
from pipeline.exports.folder import Folder
from pipeline.exports.nifti_file import save_nifti
from pipeline.imageset.orientation import Axes


class NiftiOptions(Section):
    """How files are made.

    Args:
        compressed: Whether they are .nii.gz rather than .nii.
    """

    compressed: bool = True


class Nifti:
    """The export `nifti`."""

    Options: ClassVar[type[Section]] = NiftiOptions
    opening: ClassVar[str] = """\
import nibabel as nib; import pandas as pd
table = pd.read_csv("labels.csv")
image, label = nib.load(table.file[0]).get_fdata(), table.label[0]"""

    def __init__(self, options: NiftiOptions) -> None:
        self._options = options

    def write(self, shipment: Shipment, folder: Folder) -> None:
        """Write the volumes and `labels.csv`."""
        axes = shipment.axes
        with folder.table("labels.csv", ("file", "mask", *DESCRIBED)) as add:
            for sample in shipment.samples():
                ending = nifti_ending(self._options.compressed)
                save_pair(sample, folder, axes, ending)
                beside = f"masks/{sample.stem}{ending}" if shipment.has_masks else ""
                add((f"images/{sample.stem}{ending}", beside, *sample.described))


def nifti_ending(compressed: bool) -> str:
    """The ending of a file's name."""
    return ".nii.gz" if compressed else ".nii"


def save_pair(sample: Sample, folder: Folder, axes: Axes, ending: str) -> None:
    """Write an image below `images/` and its mask, where it has one, below `masks/`."""
    unit, spacing = sample.images.meta.unit, sample.spacing_mm
    with folder.file(f"images/{sample.stem}{ending}") as path:
        save_nifti(path, sample.image, axes, spacing, unit)
    if (mask := sample.mask) is not None:
        with folder.file(f"masks/{sample.stem}{ending}") as path:
            save_nifti(path, mask, axes, spacing, "mask")
