"""The augmented set of a fold: train rows only, replayable, the same bytes however it is made."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline import config, tracking
from pipeline.augment.choice import choose
from pipeline.errors import LeakError, ParameterError
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.splits import Splits
from pipeline.workflows import augment

COUNT = 9
META = Meta(("Benign", "Malign"), ("CT",), "HU", (-100.0, 200.0), "AP", "Malign", "a test's")


def write_inputs(root, *, size=(12, 10), masks=True, folds=2):
    """Write images of nine patients and splits with three train rows in each fold."""
    rng = np.random.default_rng(5)
    with ImageSetWriter(
        root / "data/images", META, capacity=COUNT, shape=(1, *size), dtype=np.int16, masks=masks
    ) as writer:
        for index in range(COUNT):
            writer.add(
                # Some values lie outside the window: originals must keep them.
                rng.integers(-400, 400, (1, *size)),
                image_id=f"i{index:05}",
                label=META.classes[index % 2],
                patient_id=f"p{index:04}",
                origin="real",
                mask=rng.integers(0, 2, (1, *size)) if masks else None,
                spacing_mm=(0.5, 1.25) if len(size) == 2 else (0.5, 0.5, 2.0),
                attributes={"official_part": "train", "diameter_mm": 0.1 + index},
            )
    parts = ("train", "val", "test")
    rows = [
        (f"i{index:05}", f"g{index}", 0, fold, parts[(index + fold) % 3])
        for fold in range(folds)
        for index in range(COUNT)
    ]
    frame = pd.DataFrame(rows, columns=["image_id", "group_id", "repeat", "fold", "part"])
    frame.assign(train_patients="all").to_csv(root / "data/splits.csv", index=False)


def parameters(workers=1, **values):
    """Parameters with a section `augment` of the given values."""
    return config.parse(
        {
            "seed": 11,
            "compute": {"workers": workers},
            "ingest": {"source": "phantom"},
            "augment": {"copies": 2, **values},
            "classify": {"arms": {"real": {"recipe": "real", "images": "data/augmented"}}},
        }
    )


def digests(root):
    """The hash of every file below a directory."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_originals_come_first_and_unchanged(tmp_path):
    """The train rows stand first, with their pixels, masks, spacing and attributes."""
    write_inputs(tmp_path)
    augment.run(parameters(), tmp_path, tracking.NullRun())
    images = ImageSet.open(tmp_path / "data/images")
    made = ImageSet.open(tmp_path / "data/augmented/r0f1")
    train = images.take([2, 5, 8])
    originals = made.take(range(3))
    assert np.array_equal(originals.stored(), train.stored())
    assert np.array_equal(originals.masks(), train.masks())
    assert originals.manifest.astype(str).equals(train.manifest.astype(str))
    assert made.meta == images.meta
    assert made.dtype == np.int16


def test_copies_name_their_parent(tmp_path):
    """Each train row has its copies, which inherit its label, patient, spacing and attributes."""
    write_inputs(tmp_path)
    augment.run(parameters(copies=3), tmp_path, tracking.NullRun())
    made = ImageSet.open(tmp_path / "data/augmented/r0f0")
    copies = made.manifest.iloc[3:].reset_index(drop=True)
    assert list(copies["image_id"].iloc[:4]) == ["i00000-c1", "i00000-c2", "i00000-c3", "i00003-c1"]
    assert set(copies["origin"]) == {"classical"}
    parents = made.manifest.set_index("image_id").loc[copies["parent_ids"]].reset_index()
    for name in ("label", "patient_id", "spacing_mm", "official_part", "diameter_mm"):
        assert list(copies[name]) == list(parents[name])
    assert copies["seed"].nunique() == 9
    assert copies["sha256"].nunique() == 9
    assert set(np.unique(made.masks())) == {0, 1}


def test_only_train_rows_are_in_it(tmp_path):
    """Neither a row of another part nor a copy of one is in the set."""
    write_inputs(tmp_path)
    augment.run(parameters(), tmp_path, tracking.NullRun())
    for fold, first in ((0, 0), (1, 2)):
        manifest = ImageSet.open(tmp_path / f"data/augmented/r0f{fold}").manifest
        allowed = {f"i{index:05}" for index in range(first, COUNT, 3)}
        assert set(manifest["image_id"].str.split("-").str[0]) == allowed


def test_a_row_that_may_not_train_stops_the_stage(tmp_path, monkeypatch):
    """Were rows of another part selected, the leak check would refuse them."""
    write_inputs(tmp_path)
    monkeypatch.setattr(Splits, "select", lambda _splits, images, *_: images)
    with pytest.raises(LeakError, match="i00001"):
        augment.run(parameters(), tmp_path, tracking.NullRun())


def test_a_copy_is_replayed_from_its_seed(tmp_path):
    """The seed in a copy's row, its parent and the parameters give its very pixels and mask."""
    write_inputs(tmp_path)
    params = parameters()
    augment.run(params, tmp_path, tracking.NullRun())
    made = ImageSet.open(tmp_path / "data/augmented/r0f0")
    row = made.manifest.iloc[6]
    parent = made.take(made.manifest["image_id"].eq(row["parent_ids"]).to_numpy())
    replayed = choose(params.augment, 2)(
        torch.from_numpy(parent.scaled()),
        rng=[np.random.default_rng(int(row["seed"]))],
        masks=torch.from_numpy(parent.masks()),
        spacing=torch.tensor([[0.5, 1.25]]),
    )
    assert np.array_equal(made.meta.unscale(replayed.images, made.dtype), made.stored([6]))
    assert np.array_equal(replayed.masks.numpy(), made.masks([6]))


def test_batches_change_no_byte(tmp_path, monkeypatch):
    """Images augmented one by one are the same as in a batch."""
    write_inputs(tmp_path, masks=False)
    augment.run(parameters(), tmp_path, tracking.NullRun())
    together = digests(tmp_path / "data/augmented")
    monkeypatch.setattr(augment, "_BATCH", 1)
    augment.run(parameters(), tmp_path, tracking.NullRun())
    assert digests(tmp_path / "data/augmented") == together


def test_workers_change_no_byte(tmp_path, monkeypatch):
    """Two processes write what one writes."""
    monkeypatch.setattr(augment, "_WORTH_WORKERS", 0)
    write_inputs(tmp_path)
    augment.run(parameters(), tmp_path, tracking.NullRun())
    alone = digests(tmp_path / "data/augmented")
    augment.run(parameters(workers=2), tmp_path, tracking.NullRun())
    assert digests(tmp_path / "data/augmented") == alone
    assert len(alone) == 8


def test_another_fold_draws_other_copies(tmp_path):
    """An image in the training rows of two folds is not copied the same way in both."""
    write_inputs(tmp_path)
    splits = tmp_path / "data/splits.csv"
    frame = pd.read_csv(splits)
    frame["part"] = np.where(frame["image_id"] == "i00008", "test", "train")
    frame.to_csv(splits, index=False)
    augment.run(parameters(), tmp_path, tracking.NullRun())
    seeds = [
        set(ImageSet.open(tmp_path / f"data/augmented/r0f{fold}").manifest["seed"].astype(str))
        for fold in (0, 1)
    ]
    assert seeds[0] & seeds[1] == {""}


def test_three_axes(tmp_path):
    """Volumes are augmented alike."""
    write_inputs(tmp_path, size=(6, 8, 7), folds=1)
    augment.run(parameters(), tmp_path, tracking.NullRun())
    made = ImageSet.open(tmp_path / "data/augmented/r0f0")
    assert made.stored().shape == (9, 1, 6, 8, 7)


def test_too_much_disk_is_refused_before_writing(tmp_path, capsys):
    """The size is told beforehand; one above augment.max_gib stops the stage, nothing written."""
    write_inputs(tmp_path)
    # 2 folds x 3 rows x (1 + 2) images of 120 pixels: 2 bytes a pixel, and 1 of the mask.
    gib = 18 * 120 * 3 / 2**30
    with pytest.raises(ParameterError, match=r"augment\.max_gib: .*augment\.copies"):
        augment.run(parameters(max_gib=gib * 0.99), tmp_path, tracking.NullRun())
    assert not (tmp_path / "data/augmented").exists()
    assert "18 images in 2 folds" in capsys.readouterr().out
    augment.run(parameters(max_gib=gib * 1.01), tmp_path, tracking.NullRun())


def test_sets_of_former_folds_go(tmp_path):
    """After a run with fewer folds, no set of the others is left."""
    write_inputs(tmp_path)
    augment.run(parameters(), tmp_path, tracking.NullRun())
    write_inputs(tmp_path, folds=1)
    augment.run(parameters(), tmp_path, tracking.NullRun())
    assert [path.name for path in (tmp_path / "data/augmented").iterdir()] == ["r0f0"]


def test_a_list_of_monai_transforms_makes_the_copies(tmp_path):
    """With augment.monai the copies are MONAI's, masks moved along."""
    write_inputs(tmp_path)
    listed = [{"name": "RandFlipd", "prob": 1.0, "spatial_axis": 1}]
    augment.run(parameters(monai=listed), tmp_path, tracking.NullRun())
    made = ImageSet.open(tmp_path / "data/augmented/r0f0")
    parents = made.stored(range(3)).clip(-100, 200)
    assert np.array_equal(made.stored([3, 5, 7]), parents[..., ::-1])
    assert np.array_equal(made.masks([3, 5, 7]), made.masks(range(3))[..., ::-1])
