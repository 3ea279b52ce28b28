"""Find DICOM files in a folder tree and read the headers that grouping and decoding need.

Names and extensions mean nothing: content decides. Only the tags listed here are read, and pydicom
is kept silent meanwhile, because its warnings and log records show values of tags.
"""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom import config as pydicom_config
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ParametricMapStorage,
)

from pipeline.sources.source import UnusableError

IGNORED_NAMES = frozenset({"DICOMDIR"})
IGNORED_SUFFIXES = frozenset({".csv", ".txt", ".md"})
# Of viewers, letters and pictures that come along; no suffix or a number says nothing.
_FOREIGN_SUFFIX = re.compile(r"\.(?!dcm|dicom|ima|img)[a-z]{2,5}")
# Read to be kept out: labels and attributes are compared with them.
_IDENTIFYING = (
    "PatientName",
    "PatientBirthDate",
    "AccessionNumber",
    "InstitutionName",
)
_TAGS = [
    "TransferSyntaxUID",
    "SOPClassUID",
    "Modality",
    *_IDENTIFYING,
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "SpacingBetweenSlices",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "WindowCenter",
    "WindowWidth",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
]
_GROUP = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "WindowCenter": "FrameVOILUTSequence",
    "WindowWidth": "FrameVOILUTSequence",
}
# A file without the preamble starts with an element of group 2 or 8, in either byte order.
_BARE_STARTS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")


@dataclass(frozen=True)
class Frame:
    """One plane of pixels, as its header describes it.

    Args:
        file: Path relative to the tree, with forward slashes.
        index: Which frame of the file, from 0.
        patient: PatientID.
        identifiers: The parts of the name, and what else identifies the patient.
        study: StudyInstanceUID.
        series: SeriesInstanceUID, or the file where there is none.
        number: InstanceNumber, or 0.
        modality: E.g. `CT`.
        shape: Rows and columns.
        colour: Whether it decodes to red, green and blue.
        position: (3,) middle of the first voxel, in mm, to the patient's left, back and head.
        orientation: (6,) directions in which columns and then rows increase.
        spacing: Millimetres between rows and between columns.
        step: Millimetres between slices, where the header says so.
        limits: Least and greatest value after rescaling.
        whole: Whether all values are whole numbers.
        window: Values that the header shows as black and white, or None.
        inverted: Whether low values are shown bright (MONOCHROME1) and were turned round.
    """

    file: str
    index: int
    patient: str
    identifiers: tuple[str, ...]
    study: str
    series: str
    number: int
    modality: str
    shape: tuple[int, int]
    colour: bool
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    step: float | None
    limits: tuple[float, float]
    whole: bool
    window: tuple[float, float] | None
    inverted: bool


class NotAScanError(UnusableError):
    """What lies among scans and is none, such as a report: it is no scan's loss."""


@contextmanager
def silence() -> Iterator[None]:
    """Keep pydicom and its decoders from warning, logging and validating for a while."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "pylibjpeg", "openjpeg", "libjpeg")]
    levels = [logger.level for logger in loggers]
    mode = pydicom_config.settings.reading_validation_mode
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL + 1)
            pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE
            yield
        finally:
            pydicom_config.settings.reading_validation_mode = mode
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def find(root: Path) -> list[str]:
    """List the files of a tree that could be DICOM, sorted, relative, with forward slashes."""
    found = []
    for path in root.rglob("*"):
        relative = path.relative_to(root)
        hidden = any(part.startswith(".") for part in relative.parts)
        if hidden or path.name in IGNORED_NAMES or path.suffix.lower() in IGNORED_SUFFIXES:
            continue
        if path.is_file():
            found.append(relative.as_posix())
    return sorted(found)


def read(path: Path, *, pixels: bool) -> Dataset:
    """Read one file, its pixels included or only the tags of `Frame`.

    Raises:
        UnusableError: If it is no readable DICOM file.
    """
    with path.open("rb") as file:
        start = file.read(132)
    if not start:
        raise UnusableError("an empty file")
    bare = start[128:] != b"DICM"
    if bare and start[:2] not in _BARE_STARTS:
        if _FOREIGN_SUFFIX.fullmatch(path.suffix.lower()):
            raise NotAScanError("not a DICOM file, by its content and by its name")
        raise UnusableError("not a DICOM file")
    try:
        with silence():
            header = pydicom.dcmread(
                path,
                force=bare,
                stop_before_pixels=not pixels,
                specific_tags=None if pixels else _TAGS,
            )
            _complete_meta(header)
            return header
    except Exception:  # a damaged header can fail anywhere in pydicom's parser
        raise UnusableError("the DICOM header is damaged or truncated") from None


def frames(root: Path, file: str) -> list[Frame]:
    """Describe every frame of one file.

    Raises:
        NotAScanError: If the file is sound, and something else than an image.
        UnusableError: If it is a damaged image, or nobody can tell what it is.
    """
    header = read(root / file, pixels=False)
    if header.get("Modality") == "SEG":
        raise NotAScanError("a segmentation object, not a scan")
    kind = UID(str(header.get("SOPClassUID") or "")).name
    if not header.get("Rows") and kind.endswith("Storage") and "Image" not in kind:
        raise NotAScanError("a DICOM object that is no image, such as a report or structure set")
    if not header.get("Rows") or not header.get("Columns"):
        raise UnusableError("no pixel data: a DICOM object without an image")
    try:
        with silence():
            count = int(header.get("NumberOfFrames") or 1)
            found = [_frame(header, file, index) for index in range(count)]
    except UnusableError:
        raise
    except Exception:  # a tag can hold anything where a number is expected
        raise UnusableError("the DICOM header holds impossible values") from None
    if count > 1 and not header.get("PerFrameFunctionalGroupsSequence"):
        # The one position in such a header is the first frame's.
        found = [replace(frame, position=None) for frame in found]
    return found


def value(header: Dataset, tag: str, index: int) -> Any:
    """Look a tag up in the frame's functional groups, the shared ones, then the header itself."""
    for name, item in (
        ("PerFrameFunctionalGroupsSequence", index),
        ("SharedFunctionalGroupsSequence", 0),
    ):
        groups = header.get(name)
        if groups and item < len(groups):
            group = groups[item].get(_GROUP[tag])
            if group and group[0].get(tag) is not None:
                return group[0].get(tag)
    return header.get(tag)


def rescale(header: Dataset, index: int) -> tuple[float, float]:
    """Read slope and intercept of a frame; 1 and 0 where there are none.

    Raises:
        UnusableError: If the slope is zero, or one of them is no number.
    """
    slope, intercept = (value(header, tag, index) for tag in ("RescaleSlope", "RescaleIntercept"))
    pair = 1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept)
    if pair[0] == 0 or not all(math.isfinite(part) for part in pair):
        raise UnusableError("an impossible rescale slope or intercept")
    return pair


def stored_limits(header: Dataset) -> tuple[int, int]:
    """Give the least and the greatest pixel that the header allows, before rescaling."""
    bits = int(header.get("BitsStored") or header.get("BitsAllocated") or 16)
    if header.get("PixelRepresentation"):
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1


def limits(header: Dataset, index: int) -> tuple[float, float]:
    """Give the least and the greatest value of a frame after the modality transform."""
    if _is_float(header):
        most = float(np.finfo(np.float32).max)
        return -most, most
    stored = np.array(stored_limits(header))
    if header.get("ModalityLUTSequence"):
        ends = apply_modality_lut(stored, header).astype(float)
        table = np.asarray(header.ModalityLUTSequence[0].LUTData, float)
        return min(ends.min(), table.min()), max(ends.max(), table.max())
    slope, intercept = rescale(header, index)
    ends = stored * slope + intercept
    return float(ends.min()), float(ends.max())


def _frame(header: Dataset, file: str, index: int) -> Frame:
    photometric = str(header.get("PhotometricInterpretation", ""))
    palette = photometric == "PALETTE COLOR"
    colour = palette or int(header.get("SamplesPerPixel") or 1) > 1
    low, high = (0.0, 255.0) if palette else limits(header, index)
    inverted = photometric == "MONOCHROME1"
    window = _window(header, index)
    if window and inverted:
        window = low + high - window[1], low + high - window[0]
    spacing = _numbers(value(header, "PixelSpacing", index), 2)
    if spacing is None:
        spacing = _numbers(header.get("ImagerPixelSpacing"), 2)
    if spacing is not None and min(spacing) <= 0:
        raise UnusableError("an impossible pixel spacing")
    step = value(header, "SpacingBetweenSlices", index)
    slope, intercept = rescale(header, index)
    return Frame(
        file=file,
        index=index,
        patient=str(header.get("PatientID") or "").strip(),
        identifiers=_identifiers(header),
        study=str(header.get("StudyInstanceUID") or file),
        series=str(header.get("SeriesInstanceUID") or file),
        number=int(header.get("InstanceNumber") or 0),
        modality=str(header.get("Modality") or ""),
        shape=(int(header.Rows), int(header.Columns)),
        colour=colour,
        position=_numbers(value(header, "ImagePositionPatient", index), 3),
        orientation=_numbers(value(header, "ImageOrientationPatient", index), 6),
        spacing=None if spacing is None else (spacing[0], spacing[1]),
        step=abs(float(step)) if step else None,
        limits=(low, high),
        whole=slope.is_integer() and intercept.is_integer() and not _is_float(header),
        window=window,
        inverted=inverted,
    )


def _is_float(header: Dataset) -> bool:
    """Whether pixels are floating point, as in parametric maps, which need state no stored bits."""
    map_of_values = header.get("SOPClassUID") == ParametricMapStorage
    wide = int(header.get("BitsAllocated") or 16) >= 32
    return wide and (map_of_values or not header.get("BitsStored"))


def _identifiers(header: Dataset) -> tuple[str, ...]:
    """The values of the identifying tags; a name also in its parts, `Surname^First name=...`."""
    found: dict[str, None] = {}
    for tag in _IDENTIFYING:
        text = str(header.get(tag) or "").strip()
        texts = [text]
        if tag == "PatientName":
            texts = [*text.split("="), *re.split(r"[\^=,\s]+", text)]
        found |= {part: None for part in texts if part}
    return tuple(found)


def _window(header: Dataset, index: int) -> tuple[float, float] | None:
    """The first window of several."""
    pair = []
    for tag in ("WindowCenter", "WindowWidth"):
        found = value(header, tag, index)
        if found is None or found == "":
            return None
        pair.append(float(np.atleast_1d(np.asarray(found, float))[0]))
    centre, width = pair
    return (centre - width / 2, centre + width / 2) if width > 0 else None


def _numbers(found: Any, count: int) -> tuple[float, ...] | None:
    if not found:
        return None
    numbers = tuple(float(number) for number in found)
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        raise UnusableError("an impossible position, orientation or pixel spacing")
    return numbers


def _complete_meta(header: Dataset) -> None:
    """Name the transfer syntax of a file that lacks one, from how it was parsed."""
    if header.file_meta.get("TransferSyntaxUID"):
        return
    implicit, little = header.original_encoding
    syntax: UID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    header.file_meta.TransferSyntaxUID = syntax if little else ExplicitVRBigEndian
