"""Class folders of 8-bit PNG files, as torchvision's ImageFolder reads them.

`images/<fold>/<class>/<image_id>.png`, so that `images/r0f0g0` is a root of class folders with the
images that suit one fold; `masks/` alike, and `labels.csv`. A loader that turns everything into
8-bit colours, as torchvision's does, would clip 16-bit files, so there are none: see `png`. Such
loaders count the folders that they find, so that every fold must have images of every class.
"""

from __future__ import annotations

from typing import ClassVar

from pipeline.config import Section
from pipeline.errors import DataError
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
            DataError: If the images have neither one nor three channels, or a fold has no image
                of a class.
        """
        _check_every_class(shipment)
        folders = class_folders(shipment.meta.classes)
        write_pictures(
            shipment,
            folder,
            lambda sample: _place(sample, folders),
            name="image_folder",
            slices=self._options.slices,
        )


def _check_every_class(shipment: Shipment) -> None:
    """Refuse a fold whose folders would be counted as other classes than the next fold's."""
    found = {(sample.trained_on, sample.label) for sample in shipment.samples()}
    chosen = "" if shipment.everything else "selected "
    for images in shipment.sets:
        for label in shipment.meta.classes:
            if (images.root.name, label) not in found:
                raise DataError(
                    images.root,
                    f"has no {chosen}image of the class {label!r}, and without its folder "
                    "ImageFolder would count the classes after it as others; make or select some, "
                    "or take `image_folder` out of export.formats",
                )


def _place(sample: Sample, folders: dict[str, str]) -> str:
    fold, name = file_name(sample.trained_on), file_name(sample.image_id)
    return f"{fold}/{folders[sample.label]}/{name}"
