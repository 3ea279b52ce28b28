"""Room on the disk and filesystems."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.doctor import storage

GIB = 2**30


@pytest.fixture
def images(root):
    """120 images of 1 x 32 x 32 int16 with masks, as ingest would leave them."""
    directory = root / "data/images"
    directory.mkdir()
    np.save(directory / "images.npy", np.zeros((120, 1, 32, 32), np.int16))
    np.save(directory / "masks.npy", np.zeros((120, 1, 32, 32), np.uint8))


def test_the_prediction_is_rows_times_copies_times_folds(root, project, images):
    """3 folds x (120 x 2/3 x 0.85) rows x (1 + 4) x 1024 pixels x (2 + 1) bytes."""
    expected = 3 * 120 * 2 / 3 * 0.85 * 5 * 1024 * 3 / GIB
    assert storage.augmented_gib(root, project.params) == pytest.approx(expected)


def test_limited_training_is_counted(root, change, images):
    """By the sizes, each with all folds; and by the rows themselves once there are any."""
    each = 5 * 1024 * 3 / GIB
    limited = change(("train_patients: null", "train_patients: [10, 0.5]"))
    expected = 3 * (10 + 0.5 * 120 * 2 / 3 * 0.85) * each
    assert storage.augmented_gib(root, limited.params) == pytest.approx(expected)
    rows = "\n".join(["a,train", "b,train", "c,test"])
    (root / "data/splits.csv").write_text(f"image_id,part\n{rows}\n")
    assert storage.augmented_gib(root, limited.params) == pytest.approx(2 * each)


def test_before_ingest_nothing_is_predicted(root, project, monkeypatch):
    """The bound of params.yaml is what must be free then, and its lack only a warning."""
    assert storage.augmented_gib(root, project.params) is None
    monkeypatch.setattr(storage, "free_gib", lambda _: 2.0)
    found = storage.room(project)
    assert found.state == "warning" and "free 7.0 GiB" in found.mend
    monkeypatch.setattr(storage, "free_gib", lambda _: 9.0)
    assert storage.room(project).state == "ok"


def test_too_little_room_is_a_problem(project, images, monkeypatch):
    """What is missing is told, to the tenth of a gigabyte."""
    monkeypatch.setattr(storage, "free_gib", lambda _: 0.5)
    found = storage.room(project)
    assert found.state == "problem" and "free 0.5 GiB" in found.mend


def test_more_than_allowed_is_a_problem(change, images):
    """As augment would refuse it, an hour later."""
    found = storage.room(change(("max_gib: 8.0", "max_gib: 0.001")))
    assert found.state == "problem" and "augment.max_gib" in found.mend


def test_a_path_lies_on_the_deepest_mount(tmp_path):
    """The last of mounts at one place counts, and a space in its name is no separator."""
    mounts = tmp_path / "mounts"
    lines = [
        "/dev/sda / ext4 rw 0 0",
        f"server:/home {tmp_path}/my\\040home nfs4 rw 0 0",
        f"/dev/sdb {tmp_path}/my\\040home/scratch xfs rw 0 0",
    ]
    mounts.write_text("\n".join(lines))
    home = tmp_path / "my home"
    kinds = [storage.filesystem_of(path, mounts) for path in (tmp_path, home, home / "scratch/a")]
    assert kinds == ["ext4", "nfs4", "xfs"]
    assert storage.filesystem_of(home, tmp_path / "none") == ""
