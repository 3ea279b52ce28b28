"""PNG files of 8 or 16 bits with the stated window, and a table of labels.

`images/<fold>/<image_id>.png`, `masks/` alike, and `labels.csv`. 3D images leave as their middle
slice along the last axis, or as all of them; another format keeps the volume and the unit. For
class folders see `image_folder`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.config import Section
from pipeline.errors import ParameterError
from pipeline.exports.export import Shipment
from pipeline.exports.folder import Folder
from pipeline.exports.pictures import Slices, write_pictures


class PngOptions(Section):
    """How pictures are made.

    Args:
        bits: Of a grey value; colours have 8.
        slices: Of 3D images: the `middle` one, or `all`.
    """

    bits: Literal[8, 16] = 8
    slices: Slices = "middle"


class Png:
    """The export `png`."""

    Options: ClassVar[type[Section]] = PngOptions
    opening: ClassVar[str] = """\
import pandas as pd; from PIL import Image
table = pd.read_csv("labels.csv")
image, label = Image.open(table.file[0]), table.label[0]"""

    def __init__(self, options: PngOptions) -> None:
        self._options = options

    def write(self, shipment: Shipment, folder: Folder) -> None:
        """Write the pictures and `labels.csv`.

        Raises:
            ParameterError: If 16 bits are asked for colours.
            DataError: If the images have neither one nor three channels.
        """
        bits = self._options.bits
        if bits == 16 and len(shipment.meta.channels) == 3:
            problem = "got 16, but colours are written with 8 bits each; give 8"
            raise ParameterError("export.options.png.bits", problem)
        write_pictures(
            shipment,
            folder,
            lambda sample: sample.stem,
            name="png",
            slices=self._options.slices,
            bits=bits,
        )
