"""Any set opens as an ImageSet: ours as it is, others through a copy that is made once."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from pipeline import data
from pipeline.data.opening import BrokenImagesWarning
from pipeline.errors import DataError
from tests.labelled_noise import labelled_noise


@pytest.fixture
def pictures(tmp_path):
    """Twelve 8-bit pictures in class folders, with a card: black is -100 HU and white 155."""
    for number in range(12):
        path = tmp_path / "set" / ("dark", "bright")[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(
            np.full((8, 12), 20 * number, np.uint8) + np.arange(12, dtype=np.uint8)
        ).save(path)
    card = {"classes": ["dark", "bright"], "unit": "HU", "window": [-100, 155]}
    (tmp_path / "set/card.json").write_text(json.dumps(card))
    return tmp_path / "set"


def test_ours_is_opened_as_it_is(tmp_path):
    """No copy is made."""
    made = labelled_noise(tmp_path / "set", [0, 1])
    found = data.open(made.root, cache=tmp_path / "cache")
    assert found.root == made.root
    assert not (tmp_path / "cache").exists()


def test_others_come_back_in_their_unit(pictures, tmp_path):
    """One grey level is one HU here; classes in the card's order; a PyTorch dataset at once."""
    images = data.open(pictures, cache=tmp_path / "cache")
    assert (len(images), images.shape, images.meta.unit) == (12, (1, 8, 12), "HU")
    assert images.meta.classes == ("dark", "bright")
    # Folders come sorted: number 1 is the first bright picture.
    assert images.stored([0])[0, 0, 0].tolist() == [20 - 100 + column for column in range(12)]
    image, label = data.Dataset(images)[0]
    assert (tuple(image.shape), label) == ((1, 8, 12), 1)


def test_a_copy_is_made_once_for_each_state_of_the_set(pictures, tmp_path):
    """Asked again it is found; a changed file gives another."""
    first = data.open(pictures, cache=tmp_path / "cache")
    before = (first.root / "images.npy").stat().st_mtime_ns
    assert data.open(pictures, cache=tmp_path / "cache").root == first.root
    assert (first.root / "images.npy").stat().st_mtime_ns == before
    (pictures / "dark/00.png").unlink()
    assert len(data.open(pictures, cache=tmp_path / "cache")) == 11
    assert not list((tmp_path / "cache").glob("half-*"))


def test_a_file_that_moves_to_another_class_changes_its_label(pictures, tmp_path):
    """Though neither its name, its size nor its time changes."""
    first = data.open(pictures, cache=tmp_path / "cache")
    (pictures / "dark/00.png").rename(pictures / "bright/00.png")
    second = data.open(pictures, cache=tmp_path / "cache")
    assert first.manifest["label"].eq("dark").sum() == 6
    assert second.manifest["label"].eq("dark").sum() == 5


def test_refused_images_are_opened_only_if_asked(pictures, tmp_path):
    """In tables and in sets of this project alike."""
    names = sorted(path.relative_to(pictures).as_posix() for path in pictures.rglob("*.png"))
    rows = [f"{name},{name.split('/')[0]},{int(n % 3 > 0)}" for n, name in enumerate(names)]
    (pictures / "labels.csv").write_text("\n".join(["file,label,selected", *rows]))
    every = data.open(pictures, everything=True, cache=tmp_path / "cache")
    assert every.manifest["selected"].tolist() == [0, 1, 1] * 4
    for path in (pictures, every.root):
        images = data.open(path, cache=tmp_path / "cache")
        assert (len(images), set(images.manifest["selected"])) == (8, {1})
        assert len(data.open(path, everything=True, cache=tmp_path / "cache")) == 12
    (pictures / "labels.csv").write_text(f"file,label,selected\n{names[0]},dark,0\n")
    with pytest.raises(DataError, match="has no selected image; everything=True"):
        data.open(pictures, cache=tmp_path / "cache")


def test_a_folder_named_for_a_fold_is_that_folds(pictures, tmp_path):
    """Where its table does not say otherwise."""
    pictures.rename(tmp_path / "r0f1")
    images = data.open(tmp_path / "r0f1", cache=tmp_path / "cache")
    assert set(images.manifest["trained_on"]) == {"r0f1"}


def test_the_users_cache_is_the_default(pictures, tmp_path, monkeypatch):
    """And nothing is written beside the set."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    images = data.open(pictures)
    assert images.root.parent == tmp_path / "home/gan-augmentation"
    assert sorted(path.name for path in pictures.iterdir()) == ["bright", "card.json", "dark"]


def test_like_another_set(pictures, tmp_path):
    """Cut to its proportions, resampled, in its type and classes; what was done is counted."""
    real = labelled_noise(tmp_path / "real", [0, 1], size=(4, 4))
    images = data.open(pictures, like=real, cache=tmp_path / "cache")
    assert (images.shape, images.dtype, images.meta) == ((1, 4, 4), np.int16, real.meta)
    # Columns 2 to 9 are left, and two and two of them averaged by a tent: 2.5, 4.5, ...
    middle = images.stored([0])[0, 0, 2].tolist()
    assert np.diff(middle).tolist() == [2, 2, 2]
    assert sum(middle) / 4 == pytest.approx(-80 + 5.5, abs=0.5)
    changes = json.loads((images.root / "changes.json").read_text())
    assert changes == {"tried": 12, "changed": {"cropped": 12, "resampled": 12}, "broken": []}


def test_a_fold_is_taken_out_of_an_export_of_all(pictures, tmp_path):
    """By the table's column."""
    names = sorted(path.relative_to(pictures).as_posix() for path in pictures.rglob("*.png"))
    rows = [f"{name},{name.split('/')[0]},r0f{n % 3}g0" for n, name in enumerate(names)]
    (pictures / "labels.csv").write_text("\n".join(["file,label,trained_on", *rows]))
    images = data.open(pictures, fold="r0f1", cache=tmp_path / "cache")
    assert set(images.manifest["trained_on"]) == {"r0f1g0"}
    assert len(images) == 4
    with pytest.raises(DataError, match="no image trained on r0f7, only on r0f0g0, r0f1g0"):
        data.open(pictures, fold="r0f7", cache=tmp_path / "cache")


def test_a_broken_file_is_warned_of_and_many_are_an_error(pictures, tmp_path):
    """Each with its name and reason."""
    (pictures / "dark/00.png").write_bytes(b"no picture")
    with pytest.warns(BrokenImagesWarning, match=r"1 of 12 .* dark/00\.png: .*not a PNG"):
        assert len(data.open(pictures, cache=tmp_path / "cache")) == 11
    with pytest.warns(BrokenImagesWarning, match=r"1 of 12 .* dark/00\.png: .*not a PNG"):
        data.open(pictures, cache=tmp_path / "cache")  # the copy is there, and as incomplete
    (pictures / "dark/02.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"2 of 12 images cannot be used, e\.g\. dark/00\.png"):
        data.open(pictures, cache=tmp_path / "cache")


def test_what_nobody_says_must_be_given(tmp_path):
    """Floats without a window."""
    images = np.random.default_rng(0).normal(size=(4, 6, 6))
    np.savez(tmp_path / "a.npz", x_images=images, x_labels=np.arange(4) % 2)
    with pytest.raises(DataError, match=r"give window=\(low, high\)"):
        data.open(tmp_path / "a.npz", cache=tmp_path / "cache")
    opened = data.open(tmp_path / "a.npz", window=(-3, 3), cache=tmp_path / "cache")
    np.testing.assert_allclose(opened.stored()[:, 0], images.astype(np.float32))
    assert opened.meta.classes == ("0", "1")
