"""Class folders of 8-bit PNG files, as torchvision's ImageFolder reads them.

`images/<fold>/<class>/<image_id>.png`, so that `images/r0f0g0` is a root of class folders with the
images that suit one fold; `masks/` alike, and `labels.csv`. A loader that turns everything into
8-bit colours, as torchvision's does, would clip 16-bit files, so there are none: see `png`.
"""

from __future__ import annotations

from typing import ClassVar

from pipeline.config import Section
from pipeline.exports.export import Sample, Shipment, class_folders, file_name
from pipeline.exports.folder import Folder
from pipeline.exports.pictures import Slices, write_pictures


class ImageFolderOptions(Section):
    """How pictures are made.

    Args:
        slices: Of 3D images: the `middle` one, or `all`.
    """

    slices: Slices = "middle"


class ImageFolder:
    """The export `image_folder`."""

    Options: ClassVar[type[Section]] = ImageFolderOptions
    opening: ClassVar[str] = """\
from torchvision.datasets import ImageFolder
dataset = ImageFolder("images/{fold}")  # one of the folds below
image, label = dataset[0]  # labels count dataset.classes, which are in alphabetical order"""

    def __init__(self, options: ImageFolderOptions) -> None:
        self._options = options

    def write(self, shipment: Shipment, folder: Folder) -> None:
        """Write the pictures and `labels.csv`.

        Raises:
            DataError: If the images have neither one nor three channels.
        """
        folders = class_folders(shipment.meta.classes)
        write_pictures(
            shipment,
            folder,
            lambda sample: _place(sample, folders),
            name="image_folder",
            slices=self._options.slices,
        )


def _place(sample: Sample, folders: dict[str, str]) -> str:
    fold, name = file_name(sample.trained_on), file_name(sample.image_id)
    return f"{fold}/{folders[sample.label]}/{name}"
