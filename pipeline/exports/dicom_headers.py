"""The headers of synthetic DICOM instances: patient, study, series, equipment, and the image's own.

Every image has a synthetic patient, a study and a frame of reference of its own, which no source
patient shares; what a standard header would tell of a person, a place or a time is empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from pipeline.exports.dicom_values import decimal, unique_identifier
from pipeline.exports.export import Sample, Shipment, file_name
from pipeline.imageset.orientation import Axes

MAKER = "gan-augmentation"
_LONG = 64
# Modalities of PS3.3 C.7.3.1.1.1 that images from scanners have; channels may be called so.
_MODALITIES = {"CR", "CT", "DX", "ES", "GM", "IO", "MG", "MR", "NM", "OP", "OPT", "PT", "RF",
               "SM", "US", "XA", "XC"}  # fmt: skip
# By axis of LPS, and whether it is followed; DICOM says head and foot.
_SIDES = {
    (0, True): "L", (0, False): "R", (1, True): "P",
    (1, False): "A", (2, True): "H", (2, False): "F",
}  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """One image and the synthetic patient that it is of.

    Args:
        sample: The image.
        shipment: What it leaves with.
        axes: Where its axes point.
        digest: SHA-256 of its pixels.
    """

    sample: Sample
    shipment: Shipment
    axes: Axes
    digest: bytes

    @property
    def placed(self) -> bool:
        """Whether it is known where the pixels lie in the patient."""
        return self.axes.known and bool(self.sample.spacing_mm)

    @property
    def is_ct(self) -> bool:
        """Whether it can be a CT image, which a place and Hounsfield units are part of."""
        meta = self.shipment.meta
        return self.placed and meta.unit == "HU" and not self.is_colour

    @property
    def is_colour(self) -> bool:
        """Whether the channels are a colour's, of bytes; others keep their unit in series."""
        names = [name.lower() for name in self.shipment.meta.channels]
        return self.shipment.dtype == np.uint8 and names == ["red", "green", "blue"]

    @property
    def storage(self) -> str:
        """The SOP class of its images."""
        return str(CTImageStorage if self.is_ct else SecondaryCaptureImageStorage)

    @cached_property
    def patient_id(self) -> str:
        """The synthetic patient, told apart from all others of the shipment."""
        fold, name = self.sample.trained_on, self.sample.image_id
        text = file_name(name if fold in name else f"{fold}-{name}")
        if len(text) <= _LONG:
            return text
        return f"{text[: _LONG - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def uid(self, *names: str | int) -> str:
        """An identifier of its own."""
        facts, sample = self.shipment.facts, self.sample
        told = (facts.name, sample.trained_on, sample.image_id, self.digest)
        return unique_identifier(facts.seed, *told, *names)


def instance(subject: Subject, storage: str, uid: str) -> Dataset:
    """Begin an instance: what is alike in images and segmentations."""
    sample, facts = subject.sample, subject.shipment.facts
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = UID(storage)
    header.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SpecificCharacterSet = "ISO_IR 192"
    header.SOPClassUID, header.SOPInstanceUID = storage, uid
    header.SyntheticData, header.ContentQualification = "YES", "RESEARCH"
    header.PatientName = f"Synthetic^{subject.patient_id}"[:_LONG]
    header.PatientID = subject.patient_id
    header.PatientBirthDate = header.PatientSex = ""
    header.PatientComments = "Synthetic image, not of a patient"
    header.StudyInstanceUID = subject.uid("study")
    header.StudyDate = header.StudyTime = header.StudyID = ""
    header.AccessionNumber = header.ReferringPhysicianName = ""
    header.StudyDescription = "Synthetic images, not of a patient"
    header.Manufacturer, header.ManufacturerModelName = MAKER, plain(facts.name)
    if subject.placed:
        frame = subject.uid("frame")
        header.FrameOfReferenceUID, header.PositionReferenceIndicator = frame, ""
    header.DerivationDescription = plain(derivation(subject), 1024)
    header.ImageComments = plain(f"class: {sample.label}; trained on: {sample.trained_on}", 1024)
    return header


def image_header(subject: Subject, channel: int, number: int) -> Dataset:
    """Begin an image, or a slice of one.

    Args:
        subject: The image.
        channel: Which one the series is of; 0 for the only one, and for colours.
        number: Counts the slices from 1.
    """
    meta = subject.shipment.meta
    header = instance(subject, subject.storage, subject.uid("image", channel, number))
    header.SeriesInstanceUID = subject.uid("series", channel)
    header.SeriesNumber = channel + 1
    name = "colour" if subject.is_colour else meta.channels[channel]
    header.SeriesDescription = plain(f"Synthetic {name}")
    header.Modality = _modality(subject)
    header.InstanceNumber, header.AcquisitionNumber, header.Laterality = number, "", ""
    header.ImageType = ["DERIVED", "SECONDARY"]
    if subject.is_ct:
        header.ImageType = ["DERIVED", "SECONDARY", _plane(subject.axes)]
        header.KVP, header.PatientPosition, header.SliceThickness = "", "", ""
    else:
        header.ConversionType, header.PatientOrientation = "SYN", sides(subject.axes)
    _place(header, subject, number - 1)
    return header


def position(subject: Subject, index: int) -> list[str]:
    """Where the centre of a slice's first pixel lies, in millimetres."""
    spacing = subject.sample.spacing_mm
    along = spacing[2] if len(spacing) == 3 else 0.0
    return [decimal(index * along * float(part)) for part in subject.axes.lps[2]]


def directions(axes: Axes) -> list[str]:
    """ImageOrientationPatient: where columns increase, then where rows do."""
    return [decimal(float(part)) for axis in (1, 0) for part in axes.lps[axis]]


def sides(axes: Axes) -> list[str]:
    """PatientOrientation: the sides that columns and rows increase towards; empty if unknown."""
    if not axes.known:
        return []
    return [_SIDES[int(np.flatnonzero(part)[0]), part.sum() > 0] for part in axes.lps[[1, 0]]]


def pixel_spacing(spacing_mm: Sequence[float]) -> list[str]:
    """PixelSpacing: between rows, then between columns."""
    return [decimal(mm) for mm in spacing_mm[:2]]


def derivation(subject: Subject) -> str:
    """What made the image, in a sentence."""
    sample, facts = subject.sample, subject.shipment.facts
    seed = f", seed {sample.seed}" if sample.seed else ""
    return (
        f"Synthetic image of the class {sample.label}, sampled from the generator {facts.name} "
        f"({sample.trained_on}){seed}; for research, not for diagnosis"
    )


def plain(text: str, length: int = _LONG) -> str:
    """Text that an attribute can hold: no separator of values, no control characters."""
    return "".join(c if c.isprintable() else " " for c in text.replace("\\", "/"))[:length]


def _modality(subject: Subject) -> str:
    name = subject.shipment.meta.channels[0].upper()
    if subject.is_ct:
        return "CT"
    return name if name in _MODALITIES else "OT"


def _plane(axes: Axes) -> str:
    """CT's third value: images across the body, or other planes."""
    return "AXIAL" if abs(axes.ras[2, 2]) == 1.0 else "REFORMATTED"


def _place(header: Dataset, subject: Subject, index: int) -> None:
    spacing = subject.sample.spacing_mm
    if spacing:
        header.PixelSpacing = pixel_spacing(spacing)
        if len(spacing) == 3:
            header.SliceThickness = header.SpacingBetweenSlices = decimal(spacing[2])
    if subject.placed:
        header.ImagePositionPatient = position(subject, index)
        header.ImageOrientationPatient = directions(subject.axes)
