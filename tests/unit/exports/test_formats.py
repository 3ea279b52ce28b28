"""What each format adds to the contract: windows, masks, lists and members."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from pipeline.errors import DataError, ParameterError
from pipeline.exports.export import class_folders
from pipeline.exports.nifti_file import save_nifti
from pipeline.imageset.orientation import axes_of
from tests.shipments import COLOURS, ship, synthetic_set


@pytest.mark.parametrize("bits", [8, 16])
def test_the_window_can_be_undone(bits: int, tmp_path: Path) -> None:
    """`low + grey / greatest * (high - low)` is the value within half a step of grey."""
    images = synthetic_set(tmp_path / "r0f0g0", (9, 7), dtype=np.float32)
    out = ship("png", images, tmp_path / "out", bits=bits)
    greatest = 2**bits - 1
    with Image.open(out / "images/r0f0g0/dcgan-r0f0g0-00000.png") as picture:
        found = -100.0 + np.asarray(picture, np.float64) / greatest * 300.0
    # Single precision carries 24 bits: beside a step of 300 / 65535 it adds a hundredth.
    step = 300.0 / greatest
    assert np.abs(found - images.stored([0])[0, 0]).max() <= step * 0.51


def test_masks_keep_their_values_and_can_be_seen(tmp_path: Path) -> None:
    """The array holds 0, 1 and 2; on a screen these are black, white and a colour."""
    images = synthetic_set(tmp_path / "r0f0g0", (9, 7))
    out = ship("png", images, tmp_path / "out")
    with Image.open(out / "masks/r0f0g0/dcgan-r0f0g0-00002.png") as picture:
        assert np.array_equal(np.asarray(picture), images.masks([2])[0, 0])
        shown = np.asarray(picture.convert("RGB"))
    assert [tuple(int(part) for part in shown[place]) for place in ((0, 0), (1, 2))] == [
        (0, 0, 0), (255, 255, 255),
    ]  # fmt: skip


def test_all_slices_or_the_middle_one(tmp_path: Path) -> None:
    """Along the last axis, each with its slice of the mask."""
    images = synthetic_set(tmp_path / "r0f0g0", (9, 7, 4))
    every, middle = (
        ship("image_folder", images, tmp_path / which, slices=which) for which in ("all", "middle")
    )
    stem = "images/r0f0g0/cyst/dcgan-r0f0g0-00000"
    scaled = np.rint((images.stored([0])[0, 0].astype(float) + 100) / 300 * 255)
    for index in range(4):
        with Image.open(every / f"{stem}_s{index:03d}.png") as picture:
            assert np.abs(np.asarray(picture, float) - scaled[..., index]).max() <= 1
    with Image.open(middle / f"{stem}.png") as picture:
        assert np.abs(np.asarray(picture, float) - scaled[..., 2]).max() <= 1
    assert len(list((every / "masks").rglob("*.png"))) == 4 * 5


@pytest.mark.parametrize("name", ["png", "image_folder"])
def test_a_picture_of_a_volume_has_the_spacing_of_its_two_axes(name: str, tmp_path: Path) -> None:
    """Three numbers for two axes would be no spacing at all."""
    images = synthetic_set(tmp_path / "r0f0g0", (9, 7, 4))
    lines = (ship(name, images, tmp_path / "out") / "labels.csv").read_text().splitlines()
    assert [line.rsplit(",", 1)[1] for line in lines[1:]] == ["0.7x1.23047"] * 5


@pytest.mark.parametrize("name", ["png", "npz", "nifti", "dicom"])
def test_a_table_keeps_every_digit_of_a_spacing(name: str, tmp_path: Path) -> None:
    """A field of view of 250 mm in 512 pixels is 0.48828125, and no shorter number."""
    images = synthetic_set(tmp_path / "r0f0g0", (9, 7), spacing_mm=(0.48828125, 1.0))
    lines = (ship(name, images, tmp_path / "out") / "labels.csv").read_text().splitlines()
    assert {line.rsplit(",", 1)[1] for line in lines[1:]} == {"0.48828125x1"}


def test_a_fold_without_a_class_has_no_class_folders(tmp_path: Path) -> None:
    """ImageFolder would count its only folder as the first class; `--all` may have them all."""
    images = synthetic_set(tmp_path / "r0f0g0", (9, 7))
    few = synthetic_set(tmp_path / "r0f1g0", (9, 7), count=1)
    words = "r0f1g0: has no selected image of the class 'a/b'"
    with pytest.raises(DataError, match=words):
        ship("image_folder", [images, few], tmp_path / "out")
    with pytest.raises(DataError, match="r0f1g0: has no image of the class 'a/b'"):
        ship("image_folder", [images, few], tmp_path / "every", everything=True)
    assert not (tmp_path / "out/images").exists()


@pytest.mark.parametrize("dtype", ["int8", "bool", "uint64"])
def test_nifti_keeps_values_of_types_that_it_does_not_know(dtype: str, tmp_path: Path) -> None:
    """Eight signed bits do not become 156 and 255."""
    values = np.array([[-100, -1], [0, 1]]).astype(dtype)
    path = tmp_path / "image.nii"
    axes = axes_of("PL", 2, place=path)
    save_nifti(path, values[None], axes, (1.0, 1.0), "HU")
    found = np.asarray(nib.load(path).dataobj)
    assert np.array_equal(found, values.astype(found.dtype))
    assert (found < 0).sum() == (values.astype(float) < 0).sum()


def test_sixteen_bits_of_colour_are_refused(tmp_path: Path) -> None:
    """The parameter at fault is named."""
    images = synthetic_set(tmp_path / "r0f0g0", (9, 7), channels=COLOURS)
    with pytest.raises(ParameterError, match=r"export\.options\.png\.bits: got 16"):
        ship("png", images, tmp_path / "out", bits=16)


def test_classes_that_look_alike_have_folders_of_their_own() -> None:
    """Also where file systems do not tell capitals apart, or names are no names."""
    folders = class_folders(("a/b", "a_b", "A_B", "..", "grade 3"))
    assert len({name.lower() for name in folders.values()}) == 5
    assert folders["a/b"] == "a_b"
    assert folders["grade 3"] == "grade_3"
    assert ".." not in folders.values()


def test_each_fold_has_its_datalist(tmp_path: Path) -> None:
    """What suits fold 1 is what fold 1's training patients made, and `training` is all."""
    sets = [synthetic_set(tmp_path / fold, (9, 7)) for fold in ("r0f0g0", "r1f1g0")]
    out = ship("monai_datalist", sets, tmp_path / "out", compressed=False)
    listing = json.loads((out / "datalist.json").read_text())
    assert listing["folds"]["r1f1g0"] == {
        "list": "training_r1f1g0", "repeat": 1, "fold": 1, "gan_seed": 0,
    }  # fmt: skip
    assert {each["trained_on"] for each in listing["training_r1f1g0"]} == {"r1f1g0"}
    assert listing["training"] == listing["training_r0f0g0"] + listing["training_r1f1g0"]
    assert listing["numTraining"] == len(listing["training"]) == 10
    for entry in listing["training"]:
        assert (out / entry["image"]).is_file()
        assert (out / entry["label"]).is_file()
        assert "fold" not in entry


@pytest.mark.parametrize("compressed", [True, False])
def test_the_archive_has_members_that_numpy_reads(compressed: bool, tmp_path: Path) -> None:
    """Images, labels, masks, ids and folds in one order, of both sets."""
    sets = [synthetic_set(tmp_path / fold, (9, 7)) for fold in ("r0f0g0", "r0f1g0")]
    out = ship("npz", sets, tmp_path / "out", compressed=compressed, bits=16)
    with np.load(out / "synthetic.npz", allow_pickle=False) as archive:
        found = dict(archive)
    assert found["train_images"].dtype == np.uint16
    assert found["train_trained_on"].tolist() == ["r0f0g0"] * 5 + ["r0f1g0"] * 5
    assert found["train_ids"][5] == "dcgan-r0f1g0-00000"
    assert found["train_labels"].tolist() == [[0], [1], [0], [0], [1]] * 2
    rows = [0, 1, 2, 4, 5]
    masks = np.concatenate([images.masks(rows)[:, 0] for images in sets])
    assert np.array_equal(found["train_masks"], masks)
