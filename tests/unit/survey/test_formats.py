"""What each format's scans are found to be, in figures known beforehand."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import DataError
from pipeline.survey import contents, recognition, trial
from tests import scan_trees
from tests.scan_trees import LABELS, PATIENTS


def described(root):
    """The description, and what is said in it by name."""
    found = recognition.describe(contents.look(root))
    return found, dict(found.said)


class TestDicom:
    """Trees of DICOM files."""

    def test_headers_are_counted(self, tmp_path):
        """Six series of five slices, 2 mm apart, of six patients."""
        found, said = described(scan_trees.dicom(tmp_path))
        assert found.form == "DICOM" and found.source == "dicom"
        assert said["images"] == "30 in 6 series" and said["patients"] == "6, by PatientID"
        assert said["modality"] == "CT 30" and said["images a series"] == "5 to 5"
        assert said["size"] == "20 x 18 px" and said["spacing"] == "0.8 x 0.8 mm"
        assert said["between slices"] == "2 mm" and " HU (" in said["values"]
        assert found.window == (-160.0, 240.0), "the headers' centre 40 and width 400"

    def test_labels_are_found_in_a_table_by_patient(self, tmp_path):
        """The column that holds PatientIDs is the key, whatever other columns there are."""
        found, _ = described(scan_trees.dicom(tmp_path))
        assert found.classes.counts == {"benign": 3, "malignant": 3}
        assert found.options == {
            "images": "middle", "labels": "table", "table": "labels.csv",
            "label_key": "PatientID", "key": "PatientID", "label": "diagnosis",
        }  # fmt: skip

    def test_folders_are_classes_only_where_patients_share_them(self, tmp_path):
        """Three patients a folder are classes; a folder a patient is none."""
        found, _ = described(scan_trees.dicom(tmp_path / "a", labels="folders", slices=1))
        assert found.classes.counts == {"benign": 3, "malignant": 3}
        assert found.options == {"images": "each", "labels": "folders"}
        found, _ = described(scan_trees.dicom(tmp_path / "b", labels="none", slices=1))
        assert found.classes is None and any("labels" in lack for lack in found.missing)

    def test_a_series_with_a_gap_is_refused_in_the_trial(self, tmp_path):
        """The trial says what ingest would say."""
        root = scan_trees.dicom(tmp_path)
        (root / PATIENTS[2] / "IM2").unlink()
        looked = contents.look(root)
        tried = trial.run(looked, recognition.describe(looked))
        assert tried.usable == 5 and sum(tried.refused.values()) == 1
        assert "missing slices" in next(iter(tried.refused))

    def test_a_damaged_file_is_counted(self, tmp_path):
        """It is none of the images."""
        root = scan_trees.dicom(tmp_path, slices=1)
        file = root / PATIENTS[0] / "IM0"
        file.write_bytes(file.read_bytes()[:300])
        _, said = described(root)
        assert said["unreadable"].startswith("1;") and said["images"].startswith("5 ")


class TestNifti:
    """NIfTI volumes."""

    def test_a_table_tells_all(self, tmp_path):
        """Volumes, masks, patients, geometry and unit; the truncated one is counted."""
        found, said = described(scan_trees.nifti(tmp_path))
        assert said["volumes"].startswith("6; ") and said["masks"].startswith("6 of 6 rows")
        assert said["patients"] == "6, by the table"
        assert said["size"] == "20 x 18 x 9 voxels" and said["spacing"] == "0.7 x 0.7 x 1.5 mm"
        assert " HU (" in said["values"] and found.window == (-1000.0, 400.0)
        assert found.options["crop"] == "lesion" and found.options["mask"] == "mask"
        assert not found.missing

    def test_the_truncated_volume_is_refused(self, tmp_path):
        """Five are taken."""
        looked = contents.look(scan_trees.nifti(tmp_path))
        tried = trial.run(looked, recognition.describe(looked))
        assert tried.usable == 5 and tried.refused == {"the image is truncated or damaged": 1}
        assert len(tried.patients) == 5

    def test_without_a_table_it_is_asked_for(self, tmp_path):
        """Masks are told by their names, and the volumes can be looked at all the same."""
        root = scan_trees.nifti(tmp_path, table=False)
        found, said = described(root)
        assert said["volumes"].startswith("6; ") and said["masks"] == "6, by their names"
        assert "manifest.csv" in found.missing[0] and found.classes is None
        tried = trial.run(contents.look(root), found)
        assert list(tried.images) == ["unlabelled"] and len(tried.images["unlabelled"]) == 5


class TestPictures:
    """Image files."""

    def test_folders_are_classes(self, tmp_path):
        """Six of each, grey, 8 bits."""
        found, said = described(scan_trees.pictures(tmp_path))
        assert found.classes.counts == {"benign": 6, "malignant": 6}
        assert said["images"] == "12" and said["size"] == "20 x 18 px"
        assert said["colour"].endswith("8 bits a channel") and found.options == {}
        tried = trial.run(contents.look(tmp_path), found)
        assert tried.usable == 11 and sum(tried.refused.values()) == 1

    def test_a_folder_around_the_class_folders_becomes_part_of_the_path(self, tmp_path):
        """`images/benign` is no class `images`."""
        scan_trees.pictures(tmp_path / "images")
        found, _ = described(tmp_path)
        assert found.below == "images" and sorted(found.classes.counts) == sorted(LABELS)

    def test_masks_are_told_by_their_ending(self, tmp_path):
        """`a_mask.png` beside `a.png` is no image."""
        root = scan_trees.pictures(tmp_path)
        for image in sorted((root / "malignant").glob("*.png")):
            shutil.copy(image, image.with_name(f"{image.stem}_mask.png"))
        found, said = described(root)
        assert said["images"] == "12" and said["masks"].startswith("6,")
        assert found.options == {"mask_suffix": "_mask"}

    def test_a_table_goes_before_folders(self, tmp_path):
        """Its labels and patients are used, and only the files that it lists."""
        root = scan_trees.pictures(tmp_path)
        files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))[:8]
        lines = [f"{file},{index % 2},p{index // 4}" for index, file in enumerate(files)]
        (root / "labels.csv").write_text("\n".join(["file,label,patient", *lines]))
        found, said = described(root)
        assert said["images"] == "8" and said["patients"] == "2, by the table"
        assert found.options == {
            "table": "labels.csv", "file": "file", "label": "label", "patient": "patient",
        }  # fmt: skip

    def test_deep_and_coloured_pictures_need_their_options(self, tmp_path):
        """16 bits ask for a window of what is there; colours for three channels."""
        for label in LABELS:
            (tmp_path / "deep" / label).mkdir(parents=True)
            (tmp_path / "red" / label).mkdir(parents=True)
            for number in range(2):
                ramp = np.linspace(0, 4000, 400).reshape(20, 20) + number
                deep = Image.fromarray(ramp.astype(np.uint16))
                deep.save(tmp_path / "deep" / label / f"{number}.png")
                red = np.zeros((20, 20, 3), np.uint8)
                red[..., 0] = ramp / 16
                Image.fromarray(red).save(tmp_path / "red" / label / f"{number}.png")
        found, said = described(tmp_path / "deep")
        assert found.options["bits"] == 16 and found.window == pytest.approx((0, 4000), abs=100)
        found, said = described(tmp_path / "red")
        assert found.options == {"channels": "rgb"} and said["colour"].startswith("4 of 4")


class TestNpz:
    """npz files."""

    def test_a_published_set_is_known_by_its_name(self, tmp_path):
        """Its parts are counted and its labels named."""
        found, said = described(scan_trees.npz(tmp_path))
        assert said["images"].startswith("10: train 6, val 2, test 2")
        assert found.classes.counts == {"malignant": 5, "normal or benign": 5}
        assert found.size == (28, 28) and found.options == {"name": "breastmnist"}

    def test_a_set_of_ones_own_keeps_its_numbers(self, tmp_path):
        """Nothing is guessed from another name."""
        found, _ = described(scan_trees.npz(tmp_path, "DOE^JANE"))
        assert found.classes.counts == {"0": 5, "1": 5} and found.options == {}

    def test_another_layout_is_told_by_its_shapes(self, tmp_path):
        """Names of arrays may be anybody's; what is missing is said."""
        np.savez(tmp_path / "a.npz", DOE=np.zeros((3, 4)), other=np.zeros(2))
        found, said = described(tmp_path)
        assert found.source is None and said["arrays"] == "2, of the shapes 3 x 4; 2"
        assert "train_images" in found.missing[0]

    @pytest.mark.parametrize(
        ("name", "array"),
        [
            ("val_labels", np.array(["a", "b"])),
            ("val_labels", np.array([0, -1])),
            ("val_labels", np.array([0.0, np.nan])),
            ("val_labels", np.zeros((2, 14), np.uint8)),
            ("val_labels", np.zeros(3, np.uint8)),
            ("val_images", np.zeros(2, np.uint8)),
        ],
    )
    def test_what_is_no_image_or_label_is_named(self, name, array, tmp_path):
        """Nothing is suggested for params.yaml; what to save instead is said."""
        path = scan_trees.npz(tmp_path) / "breastmnist.npz"
        with np.load(path) as arrays:
            np.savez(path, **{**arrays, name: array})
        found, _ = described(tmp_path)
        assert found.source is None and found.missing[0].startswith("the arrays")
        assert name in found.missing[0].partition(":")[0]
        assert "whole numbers from 0, (N,) or (N, 1)" in found.missing[0]

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged", b"no archive" * 50])
    def test_a_damaged_file_is_a_sentence(self, content, tmp_path):
        """Whatever is wrong with it."""
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(DataError, match="damaged"):
            described(tmp_path)
        (tmp_path / "b.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"holds 2 \.npz files"):
            described(tmp_path)
