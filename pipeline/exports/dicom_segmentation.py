"""A mask as a DICOM Segmentation (PS3.3 A.51): a segment for each value, a bit for each pixel.

It names the images that it belongs to, frame by frame, and where these lie in the patient it says
that too, so that viewers and toolkits lay it over them. A second series of images would look alike
to them, and would have to be matched by hand.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pack_bits
from pydicom.sequence import Sequence as Items
from pydicom.uid import SegmentationStorage

from pipeline.exports.dicom_headers import (
    MAKER,
    Subject,
    directions,
    instance,
    pixel_spacing,
    plain,
    position,
    sides,
)
from pipeline.exports.dicom_values import decimal

# The standard asks for a date and a time of every segmentation; these mean nothing.
_NO_DATE, _NO_TIME = "19700101", "000000"


def segmentation(subject: Subject, mask: NDArray[np.uint8], images: Sequence[Dataset]) -> Dataset:
    """Make the instance of a mask.

    Args:
        subject: The image that the mask is of.
        mask: (rows, columns, slices); an empty one has one segment without pixels.
        images: The headers of the slices, in order.
    """
    values = [int(value) for value in np.unique(mask) if value] or [1]
    header = instance(subject, str(SegmentationStorage), subject.uid("mask"))
    _series(header, subject, values, images)
    planes = [mask[..., index] == value for value in values for index in range(mask.shape[-1])]
    header.NumberOfFrames = len(planes)
    frames = [
        _frame(subject, segment, index, images[index])
        for segment in range(1, len(values) + 1)
        for index in range(mask.shape[-1])
    ]
    header.PerFrameFunctionalGroupsSequence = Items(frames)
    header.SharedFunctionalGroupsSequence = Items([_shared(subject)])
    header.PixelData = pack_bits(np.stack(planes).astype(np.uint8).ravel())
    return header


def _series(
    header: Dataset, subject: Subject, values: Sequence[int], images: Sequence[Dataset]
) -> None:
    first = images[0]
    header.SeriesInstanceUID, header.SeriesNumber = subject.uid("masks"), 100
    header.SeriesDescription, header.Modality = "Synthetic mask", "SEG"
    header.InstanceNumber = 1
    header.ContentDate, header.ContentTime = _NO_DATE, _NO_TIME
    header.DeviceSerialNumber = plain(subject.sample.trained_on)
    header.SoftwareVersions = MAKER
    if not subject.placed:
        header.PatientOrientation = sides(subject.axes)
    header.ImageType = ["DERIVED", "PRIMARY"]
    header.Rows, header.Columns = first.Rows, first.Columns
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 1
    header.HighBit = header.PixelRepresentation = 0
    header.LossyImageCompression = "00"
    header.SegmentationType = "BINARY"
    header.ContentLabel, header.ContentDescription = "MASK", "Mask of a synthetic image"
    header.ContentCreatorName = ""
    header.SegmentSequence = Items(
        [_segment(number, value) for number, value in enumerate(values, 1)]
    )
    _add_dimensions(header, subject.uid("dimensions"))
    header.ReferencedSeriesSequence = Items(
        [
            _with(
                SeriesInstanceUID=first.SeriesInstanceUID,
                ReferencedInstanceSequence=Items([_reference(each) for each in images]),
            )
        ]
    )


def _add_dimensions(header: Dataset, organisation: str) -> None:
    """Say that frames are ordered by segment and then by slice."""
    header.DimensionOrganizationSequence = Items([_with(DimensionOrganizationUID=organisation)])
    header.DimensionIndexSequence = Items(
        [
            _with(
                DimensionOrganizationUID=organisation,
                DimensionIndexPointer=pointer,
                FunctionalGroupPointer=group,
                DimensionDescriptionLabel=label,
            )
            for pointer, group, label in (
                (0x0062000B, 0x0062000A, "Segment"),  # ReferencedSegmentNumber
                (0x00209057, 0x00209111, "Slice"),  # InStackPositionNumber
            )
        ]
    )


def _segment(number: int, value: int) -> Dataset:
    return _with(
        SegmentNumber=number,
        SegmentLabel=f"value {value}",
        SegmentAlgorithmType="AUTOMATIC",
        SegmentAlgorithmName=MAKER,
        SegmentedPropertyCategoryCodeSequence=Items(
            [_code("49755003", "SCT", "Morphologically Abnormal Structure")]
        ),
        SegmentedPropertyTypeCodeSequence=Items([_code("52988006", "SCT", "Lesion")]),
    )


def _frame(subject: Subject, segment: int, index: int, image: Dataset) -> Dataset:
    frame = _with(
        FrameContentSequence=Items(
            [
                _with(
                    StackID="1",
                    InStackPositionNumber=index + 1,
                    DimensionIndexValues=[segment, index + 1],
                )
            ]
        ),
        SegmentIdentificationSequence=Items([_with(ReferencedSegmentNumber=segment)]),
        DerivationImageSequence=Items([_derived_from(image)]),
    )
    if subject.placed:
        where = _with(ImagePositionPatient=position(subject, index))
        frame.PlanePositionSequence = Items([where])
    return frame


def _derived_from(image: Dataset) -> Dataset:
    source = _reference(image)
    source.PurposeOfReferenceCodeSequence = Items(
        [_code("121322", "DCM", "Source image for image processing operation")]
    )
    return _with(
        SourceImageSequence=Items([source]),
        DerivationCodeSequence=Items([_code("113076", "DCM", "Segmentation")]),
    )


def _shared(subject: Subject) -> Dataset:
    shared = Dataset()
    spacing = subject.sample.spacing_mm
    if spacing:
        measures = _with(PixelSpacing=pixel_spacing(spacing))
        # Toolkits ask for a thickness: of one slice none is known, and a cube's stands in.
        measures.SliceThickness = decimal(spacing[2] if len(spacing) == 3 else max(spacing))
        if len(spacing) == 3:
            measures.SpacingBetweenSlices = decimal(spacing[2])
        shared.PixelMeasuresSequence = Items([measures])
    if subject.placed:
        shared.PlaneOrientationSequence = Items(
            [_with(ImageOrientationPatient=directions(subject.axes))]
        )
    return shared


def _reference(image: Dataset) -> Dataset:
    return _with(
        ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID
    )


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _with(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _with(**attributes: object) -> Dataset:
    made = Dataset()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made
