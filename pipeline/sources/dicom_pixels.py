"""Decode DICOM frames into values: compression, colour, modality transform, inversion.

The order is the standard's (PS3.3 C.11.1, PS3.4 N.2): stored pixels -> rescale slope and intercept
or modality table -> values such as HU. MONOCHROME1, which shows low values bright, is turned round
so that all images are bright where they are shown bright. VOI windows only suggest what to scale
with; they do not change values.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import pixel_array

from pipeline.sources import dicom_files
from pipeline.sources.dicom_files import Frame
from pipeline.sources.source import UnusableError

Colour = Literal["grey", "rgb"]
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as YBR_FULL's Y


def decode(root: Path, frame: Frame, colour: Colour) -> NDArray[np.float32]:
    """Decode one frame to (C, rows, columns): one grey channel, or red, green and blue.

    Raises:
        UnusableError: If the pixels are absent, damaged or coded in an unreadable way.
    """
    header = _open(root / frame.file)
    stored = _stored(header, frame.index)
    if stored.shape[:2] != frame.shape or stored.ndim != (3 if frame.colour else 2):
        raise UnusableError("the pixel data does not have the size that the header says")
    values = _values(stored, header, frame)
    if not np.isfinite(values).all():
        raise UnusableError("the pixels hold NaN or infinite values")
    if frame.inverted:
        values = np.float32(sum(frame.limits)) - values
    if frame.colour:
        planes = np.moveaxis(values, -1, 0)
        return planes if colour == "rgb" else np.tensordot(_LUMA, planes, 1)[None]
    return values[None] if colour == "grey" else np.repeat(values[None], 3, axis=0)


@lru_cache(maxsize=1)
def _open(path: Path) -> Dataset:
    return dicom_files.read(path, pixels=True)


def _stored(header: Dataset, index: int) -> NDArray[Any]:
    if not any(name in header for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise UnusableError("no pixel data: the image is missing from the file")
    try:
        decoder = get_decoder(header.file_meta.TransferSyntaxUID)
    except NotImplementedError:
        raise UnusableError("compressed in a way that cannot be read (transfer syntax)") from None
    if not decoder.is_available:
        raise UnusableError("compressed in a way that cannot be read (transfer syntax)")
    try:
        with dicom_files.silence():
            pixels: NDArray[Any] = pixel_array(header, index=index)
            if header.PhotometricInterpretation == "PALETTE COLOR":
                pixels = apply_color_lut(pixels, header)
                if pixels.dtype == np.uint16:
                    pixels = pixels >> 8
            return pixels
    except Exception:  # every decoder has errors of its own
        raise UnusableError("the pixel data is truncated or damaged") from None


def _values(stored: NDArray[Any], header: Dataset, frame: Frame) -> NDArray[np.float32]:
    if frame.colour:
        return stored[..., :3].astype(np.float32)
    try:
        if header.get("ModalityLUTSequence"):
            return apply_modality_lut(stored, header).astype(np.float32)
    except Exception:  # a malformed table fails anywhere inside pydicom
        raise UnusableError("the modality table is damaged") from None
    slope, intercept = dicom_files.rescale(header, frame.index)
    return stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
