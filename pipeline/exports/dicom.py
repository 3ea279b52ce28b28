"""DICOM instances of synthetic patients: a file an image, or a series of slices a volume.

Images in Hounsfield units whose orientation and spacing are known are CT Image Storage, which all
readers know how to place and to rescale. All others are Secondary Capture of the conversion type
SYN (synthetic image): the classes of other modalities ask for an acquisition that never was, and
CT asks for a place in a patient. Rescale slope and intercept give back the stored unit, whole
numbers as they were and others within half a step of 16 bits. Colours are 8-bit RGB; channels that
are no colour are a series each. A mask is a Segmentation object that refers to its images; see
`dicom_segmentation`.

`images/<fold>/<image_id>.dcm`, or in 3D, and with several series, a folder of slices
`images/<fold>/<image_id>/0001.dcm`; `masks/<fold>/<image_id>.dcm`; and `labels.csv`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pipeline.config import Section
from pipeline.errors import DataError
from pipeline.exports.dicom_headers import Subject, image_header
from pipeline.exports.dicom_segmentation import segmentation
from pipeline.exports.dicom_values import Stored, decimal, to_sixteen_bits
from pipeline.exports.export import DESCRIBED, Sample, Shipment
from pipeline.exports.folder import Folder
from pipeline.imageset import Meta
from pipeline.imageset.orientation import Axes

_COLUMNS = ("file", "mask", "PatientID", "SeriesInstanceUID", *DESCRIBED)


class DicomOptions(Section):
    """What is written.

    Args:
        masks: Whether masks leave as Segmentation objects.
    """

    masks: bool = True


class Dicom:
    """The export `dicom`."""

    Options: ClassVar[type[Section]] = DicomOptions
    opening: ClassVar[str] = """\
import pandas as pd, pydicom
table = pd.read_csv("labels.csv")  # in 3D `file` is a folder of slices
image = pydicom.pixels.apply_rescale((d := pydicom.dcmread(table.file[0])).pixel_array, d)"""

    def __init__(self, options: DicomOptions) -> None:
        self._options = options

    def write(self, shipment: Shipment, folder: Folder) -> None:
        """Write the instances and `labels.csv`.

        Raises:
            DataError: If an image holds no numbers.
        """
        axes = shipment.axes
        with folder.table("labels.csv", _COLUMNS) as add:
            for sample in shipment.samples():
                add(self._write_one(sample, shipment, axes, folder))

    def _write_one(
        self, sample: Sample, shipment: Shipment, axes: Axes, folder: Folder
    ) -> tuple[object, ...]:
        """Write one image with its mask; return its row of the table."""
        image = sample.image
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            raise DataError(
                sample.images.root, f"has values that are no numbers: {sample.image_id}"
            )
        subject = Subject(sample, shipment, axes, hashlib.sha256(image.tobytes()).digest())
        series = _series(image, subject)
        in_folder = len(series) > 1 or image.ndim == 4
        first = []
        for channel, values in enumerate(series):
            for header in _slices(subject, channel, values):
                prefix = f"c{channel + 1}-" if len(series) > 1 else ""
                place = f"/{prefix}{header.InstanceNumber:04d}" if in_folder else ""
                with folder.file(f"images/{sample.stem}{place}.dcm") as path:
                    header.save_as(path, enforce_file_format=True)
                del header.PixelData
                if channel == 0:
                    first.append(header)
        mask, beside = sample.mask, ""
        if mask is not None and self._options.masks:
            beside = f"masks/{sample.stem}.dcm"
            planes = mask[0, ..., None] if mask.ndim == 3 else mask[0]
            with folder.file(beside) as path:
                segmentation(subject, planes, first).save_as(path, enforce_file_format=True)
        file = f"images/{sample.stem}{'' if in_folder else '.dcm'}"
        told = (subject.patient_id, first[0].SeriesInstanceUID)
        return (file, beside, *told, *sample.described)


def _series(image: NDArray[Any], subject: Subject) -> list[NDArray[Any]]:
    """The channels of each series that an image becomes."""
    if subject.is_colour:
        return [image]
    return [image[index : index + 1] for index in range(len(image))]


def _slices(subject: Subject, channel: int, values: NDArray[Any]) -> Iterator[Dataset]:
    """The instances of one series, in order."""
    meta = subject.shipment.meta
    volume = values if values.ndim == 4 else values[..., None]
    # One rescaling for a volume: its slices belong together.
    stored = None if subject.is_colour else to_sixteen_bits(volume[0])
    for index in range(volume.shape[-1]):
        header = image_header(subject, channel, index + 1)
        header.Rows, header.Columns = volume.shape[1:3]
        if stored is None:
            _add_colours(header, volume[..., index])
        else:
            _add_grey(header, stored, index, meta)
        yield header


def _add_grey(header: Dataset, stored: Stored, index: int, meta: Meta) -> None:
    low, high = meta.window
    pixels = np.ascontiguousarray(stored.pixels[..., index])
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit, header.PixelRepresentation = 15, int(pixels.dtype == np.int16)
    header.RescaleSlope, header.RescaleIntercept = stored.slope, stored.intercept
    header.RescaleType = "HU" if meta.unit == "HU" else "US"
    header.WindowCenter, header.WindowWidth = decimal((low + high) / 2), decimal(high - low)
    # Low is black and high is white; without it the standard's formula is half a value off.
    header.VOILUTFunction = "LINEAR_EXACT"
    header.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()


def _add_colours(header: Dataset, image: NDArray[np.uint8]) -> None:
    header.SamplesPerPixel, header.PhotometricInterpretation = 3, "RGB"
    header.PlanarConfiguration = 0
    header.BitsAllocated = header.BitsStored = 8
    header.HighBit, header.PixelRepresentation = 7, 0
    pixels = np.ascontiguousarray(np.moveaxis(image, 0, -1)).tobytes()
    header.PixelData = pixels + b"\0" * (len(pixels) % 2)
