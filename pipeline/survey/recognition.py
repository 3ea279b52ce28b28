"""Which format a path holds: the one of most files, unless it is an ImageSet."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.errors import DataError, PipelineError
from pipeline.sources import guarded
from pipeline.survey import dicom_tree, nifti_tree, npz_file, picture_tree
from pipeline.survey.contents import Contents
from pipeline.survey.description import Description

FORMATS: Mapping[str, Callable[[Contents], Description]] = {
    "dicom": dicom_tree.describe,
    "nifti": nifti_tree.describe,
    "picture": picture_tree.describe,
    "npz": npz_file.describe,
}


def describe(contents: Contents) -> Description:
    """Describe the scans of the commonest format.

    Raises:
        DataError: If no file is of a format that a source reads.
    """
    counts = {kind: len(contents.of(kind)) for kind in FORMATS}
    kind = max(counts, key=lambda each: counts[each])
    if not counts[kind]:
        raise DataError(
            "PATH",
            f"holds no DICOM, NIfTI, PNG, JPEG, TIFF, BMP or npz files ({contents.counts()}); "
            "convert other formats, e.g. NRRD and MetaImage, to NIfTI",
        )
    try:
        with guarded.hushed():
            return FORMATS[kind](contents)
    except PipelineError:
        raise
    except Exception as error:  # damaged bytes fail anywhere in a decoder
        raise DataError(
            "PATH",
            f"cannot be looked at: a {type(error).__name__}, whose text is withheld, since it may "
            "name a patient. Check the files' rights, and try a part of them",
        ) from None
