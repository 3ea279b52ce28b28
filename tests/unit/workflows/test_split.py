"""The stage split: planted leaks are caught, and the same seed gives the same bytes."""

import numpy as np
import pandas as pd
import pytest

from pipeline.config import Params, parse
from pipeline.errors import ParameterError
from pipeline.splits import Splits
from pipeline.tracking import NullRun
from pipeline.workflows import split
from tests.scenes import image_set, scene


class Heard(NullRun):
    """A run that keeps the figures."""

    def __init__(self):
        self.figures = {}

    def metrics(self, values, step=None):
        """Keep them."""
        self.figures.update(values)


def params(seed=1, **values) -> Params:
    """Parameters with a section `split`."""
    arm = {"recipe": "real", "images": "data/augmented"}
    return parse(
        {
            "seed": seed,
            "ingest": {"source": "phantom"},
            "classify": {"arms": {"real": arm}},
            "split": values,
        }
    )


def pictures(count, seed=0):
    """Smooth random pictures, each a scene of its own."""
    rng = np.random.default_rng(seed)
    return [scene(rng, (48, 48), smoothing=3.0) for _ in range(count)]


def project(tmp_path, images=None, *, patients=None, labels=None, parts=None):
    """A project whose data/images holds 60 images of two classes, or the given ones."""
    images = pictures(60) if images is None else images
    labels = labels or ["ab"[number % 2] for number in range(len(images))]
    image_set(tmp_path / "data/images", images, labels, patients, parts=parts)
    return tmp_path


def parts_of(root, *numbers):
    """The parts of some images in each fold: a list of sets."""
    frame = pd.read_csv(root / "data/splits.csv")
    names = [f"i{number:05d}" for number in numbers]
    chosen = frame[frame["image_id"].isin(names)]
    return [set(rows["part"]) for _, rows in chosen.groupby(["repeat", "fold"])]


class TestPlantedLeaks:
    """What would leak from training into test is kept on one side."""

    def test_a_patient_is_never_divided(self, tmp_path):
        """The images of each of 15 patients share a part in every fold."""
        patients = [f"p{number % 15:04d}" for number in range(60)]
        root = project(tmp_path, patients=patients)
        split.run(params(folds=3, repeats=2), root, NullRun())
        for patient in range(15):
            for found in parts_of(root, *range(patient, 60, 15)):
                assert len(found) == 1

    def test_a_copied_patient_under_another_name_is_never_divided(self, tmp_path):
        """All images of a patient entered twice under two names share a part in every fold."""
        images = pictures(60)
        patients = [f"p{number // 4:04d}" for number in range(60)]
        copied = [images[number] for number in range(8, 12)]
        labels = ["ab"[number // 4 % 2] for number in range(60)] + ["a"] * 4
        root = project(
            tmp_path, [*images, *copied], patients=[*patients, *["p9999"] * 4], labels=labels
        )
        split.run(params(folds=3, repeats=4, val_share=0.3), root, NullRun())
        for found in parts_of(root, 8, 9, 10, 11, 60, 61, 62, 63):
            assert len(found) == 1

    def test_a_pixel_identical_image_is_never_divided(self, tmp_path):
        """Five images entered twice under other names share a part with their originals."""
        images = pictures(60)
        labels = ["ab"[number % 2] for number in range(60)]
        root = project(tmp_path, images + images[:5], labels=labels + labels[:5])
        heard = Heard()
        split.run(params(folds=3, repeats=4), root, heard)
        for number in range(5):
            for found in parts_of(root, number, 60 + number):
                assert len(found) == 1
        assert heard.figures["exact_pairs"] == 5

    def test_without_the_search_they_would_be_divided(self, tmp_path):
        """Of five copies in twelve folds some lie apart if duplicates are not looked for."""
        images = pictures(60)
        labels = ["ab"[number % 2] for number in range(60)]
        root = project(tmp_path, images + images[:5], labels=labels + labels[:5])
        split.run(params(folds=3, repeats=4, duplicates={"enabled": False}), root, NullRun())
        apart = [len(f) > 1 for number in range(5) for f in parts_of(root, number, 60 + number)]
        assert any(apart)

    def test_official_parts_lose_the_training_side(self, tmp_path):
        """A test image that also lies in train is taken out of train, and test is as published."""
        images = pictures(60)
        images[0] = images[59]
        parts = ["train"] * 30 + ["val"] * 12 + ["test"] * 18
        labels = ["ab"[number % 2] for number in range(60)]
        labels[0] = labels[59]
        root = project(tmp_path, images, labels=labels, parts=parts)
        heard = Heard()
        split.run(params(scheme="official"), root, heard)
        splits = Splits.open(root / "data/splits.csv")
        assert splits.ids(0, 0, "excluded") == {"i00000"}
        assert len(splits.ids(0, 0, "test")) == 18
        assert heard.figures["excluded_images"] == 1


class TestContradictingLabels:
    """One picture under two labels."""

    @pytest.fixture
    def root(self, tmp_path):
        """60 images, of which the last equals the first under the other label."""
        images = pictures(60)
        images[59] = images[0]
        return project(tmp_path, images)

    def test_they_are_excluded(self, root):
        """Excluded, both are in no part of any fold, and all others are used."""
        heard = Heard()
        split.run(params(folds=3), root, heard)
        assert parts_of(root, 0, 59) == [{"excluded"}] * 3
        assert heard.figures["contradicting_images"] == 2
        assert heard.figures["excluded_images"] == 2
        table = pd.read_csv(root / "data/duplicates.csv")
        assert table["labels_agree"].tolist() == [0]

    def test_they_are_kept_together(self, root):
        """Kept, both are used, on one side."""
        choice = {"contradicting": "keep_together"}
        split.run(params(folds=3, duplicates=choice), root, NullRun())
        for found in parts_of(root, 0, 59):
            assert len(found) == 1
            assert found != {"excluded"}


class TestSchemes:
    """What each scheme writes."""

    def test_kfold_tests_each_image_once_a_repeat(self, tmp_path):
        """Three folds, two repeats: every image is tested twice, in different company."""
        root = project(tmp_path)
        split.run(params(folds=3, repeats=2), root, NullRun())
        frame = pd.read_csv(root / "data/splits.csv")
        tested = frame[frame["part"].eq("test")]
        assert tested.groupby(["image_id", "repeat"]).size().eq(1).all()
        assert len(tested) == 120
        first, second = (
            set(tested[tested["repeat"].eq(n) & tested["fold"].eq(0)].image_id) for n in (0, 1)
        )
        assert first != second

    def test_holdout_is_one_fold(self, tmp_path):
        """Hold-out writes the single fold r0f0."""
        root = project(tmp_path)
        split.run(params(scheme="holdout", test_share=0.3), root, NullRun())
        assert Splits.open(root / "data/splits.csv").folds() == [(0, 0)]
        assert len(Splits.open(root / "data/splits.csv").ids(0, 0, "test")) == 18

    def test_train_patients_are_nested(self, tmp_path):
        """10 training groups are among 20, and validation and test do not move."""
        before, held = set(), None
        for count in (10, 20):
            root = project(tmp_path / str(count))
            split.run(params(scheme="holdout", train_patients=count), root, NullRun())
            splits = Splits.open(root / "data/splits.csv")
            train = splits.ids(0, 0, "train")
            assert len(train) == count
            assert before <= train
            assert held in (None, (splits.ids(0, 0, "val"), splits.ids(0, 0, "test")))
            before, held = train, (splits.ids(0, 0, "val"), splits.ids(0, 0, "test"))

    def test_a_list_of_sizes_is_nested_over_one_division(self, tmp_path):
        """Size k's draw r is repeat k * R + r: larger training parts around the smaller ones."""
        root = project(tmp_path)
        split.run(params(folds=2, repeats=2, train_patients=[8, 0.5, 1.0]), root, NullRun())
        splits = Splits.open(root / "data/splits.csv")
        assert splits.sizes() == ("8", "0.5", "all")
        assert splits.folds("0.5") == [(2, 0), (2, 1), (3, 0), (3, 1)]
        for draw, fold in splits.folds("8"):
            small, half, whole = (
                splits.ids(draw + 2 * position, fold, "train") for position in range(3)
            )
            assert small < half < whole
            assert (len(small), len(half)) == (8, (len(whole) + 1) // 2)
            for part in ("val", "test"):
                held = [splits.ids(draw + 2 * position, fold, part) for position in range(3)]
                assert held[0] == held[1] == held[2]

    def test_one_size_is_the_first_of_a_list(self, tmp_path):
        """A list adds repeats behind those of its first entry, and changes none of their rows."""
        tables = []
        for name, sizes in (("one", 8), ("list", [8, 16])):
            root = project(tmp_path / name)
            split.run(params(folds=2, repeats=2, train_patients=sizes), root, NullRun())
            tables.append(pd.read_csv(root / "data/splits.csv"))
        pd.testing.assert_frame_equal(tables[0], tables[1][tables[1]["repeat"].lt(2)])

    @pytest.mark.parametrize("scheme", ["holdout", "official"])
    def test_repeats_of_one_test_part_draw_other_patients(self, tmp_path, scheme):
        """Three draws of 10 share no training patient and test on the same ones."""
        given = ["train"] * 34 + ["val"] * 8 + ["test"] * 18
        root = project(tmp_path, parts=given if scheme == "official" else None)
        split.run(params(scheme=scheme, repeats=3, train_patients=[10, 20]), root, NullRun())
        splits = Splits.open(root / "data/splits.csv")
        assert splits.folds("10") == [(0, 0), (1, 0), (2, 0)]
        draws = [splits.ids(repeat, 0, "train") for repeat in range(6)]
        assert len(set().union(*draws[:3])) == 30
        assert all(draws[repeat] < draws[3 + repeat] for repeat in range(3))
        for part in ("val", "test"):
            assert len({frozenset(splits.ids(repeat, 0, part)) for repeat in range(6)}) == 1

    @pytest.mark.parametrize(
        ("sizes", "message"), [([8, 200], "got 200, but a fold has only"), (0.02, "no image of")]
    )
    def test_sizes_that_no_fold_can_give_are_refused(self, tmp_path, sizes, message):
        """More patients than there are, or fewer than the classes need; nothing is written."""
        root = project(tmp_path)
        with pytest.raises(ParameterError, match=rf"split\.train_patients: .*{message}"):
            split.run(params(train_patients=sizes), root, NullRun())
        assert not (root / "data/splits.csv").exists()

    @pytest.mark.parametrize("sizes", [1, 0, 1.5, 0.0, True, "25", [], [25, 25], [25, None]])
    def test_what_is_no_size_is_refused(self, sizes):
        """When parameters are read, with the parameter's name."""
        with pytest.raises(ParameterError, match=r"^params.yaml: split\.train_patients: got"):
            params(train_patients=sizes)

    def test_official_needs_a_source_with_parts(self, tmp_path):
        """A set without the column official_part cannot be split officially."""
        with pytest.raises(ParameterError, match=r"split\.scheme"):
            split.run(params(scheme="official"), project(tmp_path), NullRun())

    def test_repeats_are_for_kfold_or_draws(self):
        """Repeating a hold-out that draws nothing is refused when parameters are read."""
        with pytest.raises(ParameterError, match="split"):
            params(scheme="holdout", repeats=2)


class TestFiles:
    """What is written."""

    def test_the_same_seed_gives_the_same_bytes(self, tmp_path):
        """Both files are equal byte for byte under one seed, and splits differ under another."""
        contents = []
        for name, seed in (("one", 1), ("two", 1), ("three", 2)):
            root = project(tmp_path / name)
            split.run(params(seed=seed), root, NullRun())
            files = ("data/splits.csv", "data/duplicates.csv")
            contents.append([(root / file).read_bytes() for file in files])
        assert contents[0] == contents[1]
        assert contents[0][0] != contents[2][0]

    def test_the_terminal_gets_counts(self, tmp_path, capsys):
        """A short table by fold, part and class is printed."""
        split.run(params(folds=2), project(tmp_path), NullRun())
        told = capsys.readouterr().out
        assert told.startswith("60 images in 60 groups; 0 exact and 0 near duplicates")
        assert "r0f1 train" in told
