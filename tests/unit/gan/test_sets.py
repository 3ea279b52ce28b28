"""Made images have the spacing of what they were made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.gan.sets import spacing_by_parents
from pipeline.imageset import ImageSet, ImageSetWriter, Meta


def template(root: Path, *spacings: tuple[float, ...] | None) -> ImageSet:
    """A set of 4 x 4 pixels with these spacings, its images called i0, i1, ..."""
    meta = Meta(("cyst",), ("CT",), "HU", (-100.0, 200.0))
    with ImageSetWriter(
        root, meta, capacity=len(spacings), shape=(1, 4, 4), dtype=np.int16
    ) as writer:
        for number, spacing in enumerate(spacings):
            writer.add(
                np.zeros((1, 4, 4)),
                image_id=f"i{number}",
                label="cyst",
                patient_id="p",
                origin="real",
                spacing_mm=spacing,
            )
    return ImageSet.open(root)


@pytest.mark.parametrize(
    ("spacings", "without_parents"),
    [
        (((0.7, 1.5), (0.7, 1.5)), (0.7, 1.5)),
        (((0.7, 1.5), (0.8, 1.5)), ()),
        ((None, None), ()),
        (((0.7, 1.5), None), ()),
    ],
)
def test_a_spacing_is_taken_only_where_all_share_it(tmp_path, spacings, without_parents):
    """An image from noise alone has the spacing of the training images, if there is one."""
    assert spacing_by_parents(template(tmp_path, *spacings))(()) == without_parents


def test_an_image_made_from_another_has_its_spacing(tmp_path):
    """The first parent decides, and a parent that is not there does not."""
    spacing = spacing_by_parents(template(tmp_path, (0.7, 1.5), (0.8, 1.6)))
    assert spacing(("i1", "i0")) == (0.8, 1.6)
    assert spacing(("elsewhere",)) == ()
