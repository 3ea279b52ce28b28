"""Partitions: groups whole, classes in proportion, every image tested once a repeat."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import partition
from pipeline.errors import ParameterError
from pipeline.partition import Images

PARTS = ("train", "val", "test")


def known(labels, groups=None, excluded=None, classes=("a", "b")):
    """Images by their labels; a group each and none excluded unless told."""
    labels = np.asarray(labels, np.int64)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups, np.int64)
    excluded = np.zeros(len(labels), bool) if excluded is None else np.asarray(excluded, bool)
    return Images(labels, groups, excluded, tuple(classes))


def generator(seed=0):
    """A fresh generator."""
    return np.random.default_rng(seed)


@st.composite
def grouped_images(draw):
    """Up to 400 images of two or three classes in groups of very different sizes."""
    classes = draw(st.integers(2, 3))
    rng = generator(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(60, 400))
    groups = rng.integers(0, draw(st.integers(30, 200)), count)
    # Large groups, as of a patient with many lesions.
    groups[: draw(st.integers(0, 15))] = 0
    labels = rng.choice(classes, count, p=rng.dirichlet([8] * classes))
    # Enough groups of every class that a partition exists.
    extra = np.repeat(np.arange(classes), 12)
    labels = np.concatenate([labels, extra])
    groups = np.concatenate([groups, 1000 + np.arange(len(extra))])
    excluded = rng.random(len(labels)) < 0.05
    excluded[count:] = False
    return known(labels, groups, excluded, "abc"[:classes])


def spans(images, part):
    """Whether some group has images in two of train, val and test."""
    used = part != "excluded"
    pairs = {(g, p) for g, p in zip(images.groups[used], part[used], strict=True)}
    return len(pairs) > len({group for group, _ in pairs})


class TestKfold:
    """Repeated folds."""

    @settings(max_examples=40, deadline=None)
    @given(grouped_images(), st.integers(2, 5), st.sampled_from([0.1, 0.15, 0.3]))
    def test_invariants(self, images, folds, val_share):
        """Groups never span, each image is tested once, excluded ones never are used."""
        parts = partition.kfold(images, folds=folds, val_share=val_share, rng=generator())
        assert len(parts) == folds
        for part in parts:
            assert not spans(images, part)
            assert ((part == "excluded") == images.excluded).all()
            for name in PARTS:
                assert len(np.unique(images.labels[part == name])) == len(images.classes)
        tested = sum((part == "test").astype(int) for part in parts)
        assert (tested == ~images.excluded).all()

    @settings(max_examples=40, deadline=None)
    @given(grouped_images(), st.integers(2, 5))
    def test_stratification(self, images, folds):
        """Each fold's count of each class is off its share by less than its largest group."""
        used = ~images.excluded
        largest = np.bincount(images.groups[used]).max()
        for part in partition.kfold(images, folds=folds, val_share=0.15, rng=generator()):
            for index in range(len(images.classes)):
                share = (images.labels[used] == index).sum() / folds
                count = ((part == "test") & (images.labels == index)).sum()
                assert abs(count - share) <= max(largest, 1)

    def test_single_images_are_dealt_exactly(self):
        """Without groups, 90 and 45 images in three folds are 30 and 15 each."""
        images = known([0] * 90 + [1] * 45)
        for part in partition.kfold(images, folds=3, val_share=0.2, rng=generator()):
            assert np.bincount(images.labels[part == "test"]).tolist() == [30, 15]
            assert np.bincount(images.labels[part == "val"]).tolist() == [12, 6]
            assert np.bincount(images.labels[part == "train"]).tolist() == [48, 24]

    def test_the_generator_decides(self):
        """Equal seeds give equal folds, others give others."""
        images = known([0, 1] * 40)
        one, same, other = (
            np.stack(partition.kfold(images, folds=4, val_share=0.2, rng=generator(seed)))
            for seed in (1, 1, 2)
        )
        assert (one == same).all()
        assert (one != other).any()

    def test_few_groups_are_refused_with_the_parameter(self):
        """A class in two groups cannot be trained on, validated on and tested on."""
        images = known([0] * 30 + [1] * 20, [*range(30), *([30] * 10), *([31] * 10)])
        with pytest.raises(ParameterError, match=r"split\.folds: class 'b' has 2 groups"):
            partition.kfold(images, folds=3, val_share=0.15, rng=generator())

    def test_a_class_in_as_many_groups_as_needed_suffices(self):
        """With one group for each of three folds, every part still gets the rare class."""
        images = known([0] * 30 + [1] * 3)
        for part in partition.kfold(images, folds=3, val_share=0.15, rng=generator()):
            assert sorted(part[30:]) == ["test", "train", "val"]

    def test_a_rare_class_inside_large_groups_reaches_every_part(self):
        """Groups that hold two classes are moved so that no part lacks one."""
        labels = [0] * 60 + [0, 0, 0, 1] * 4
        groups = [*range(60), *np.repeat(np.arange(60, 64), 4)]
        images = known(labels, groups)
        for part in partition.kfold(images, folds=4, val_share=0.1, rng=generator()):
            assert all((images.labels[part == name] == 1).any() for name in PARTS)


class TestHoldout:
    """One division."""

    def test_shares_are_met(self):
        """Of 200 single images 30% are tested and 20% of the rest validate."""
        images = known([0] * 120 + [1] * 80)
        part = partition.holdout(images, test_share=0.3, val_share=0.2, rng=generator())
        assert [int((part == name).sum()) for name in PARTS] == [112, 28, 60]
        assert np.bincount(images.labels[part == "test"]).tolist() == [36, 24]

    @settings(max_examples=30, deadline=None)
    @given(grouped_images())
    def test_groups_never_span(self, images):
        """Whatever the groups, each lies in one part."""
        part = partition.holdout(images, test_share=0.3, val_share=0.15, rng=generator())
        assert not spans(images, part)
        assert ((part == "excluded") == images.excluded).all()

    def test_an_impossible_share_names_its_parameter(self):
        """If groups cannot be dealt so that all parts hold all classes, the message says where."""
        images = known([0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 1])
        with pytest.raises(ParameterError, match=r"params\.yaml: split\."):
            partition.holdout(images, test_share=0.3, val_share=0.2, rng=generator())


class TestOfficial:
    """The source's own parts."""

    PUBLISHED = ("train",) * 20 + ("val",) * 10 + ("test",) * 10

    def test_parts_are_kept(self):
        """Without duplicates the published split is taken as it is."""
        part = partition.official(
            known([0, 1] * 20), self.PUBLISHED, val_share=0.2, rng=generator()
        )
        assert part.tolist() == list(self.PUBLISHED)

    def test_the_training_side_of_a_duplicate_is_excluded(self):
        """A group in train and test leaves train; in val and test it leaves val; test stays."""
        groups = np.arange(40)
        groups[0], groups[20], groups[1] = groups[39], groups[38], groups[21]
        part = partition.official(
            known([0, 1] * 20, groups), self.PUBLISHED, val_share=0.2, rng=generator()
        )
        changed = {n: part[n] for n in range(40) if part[n] != self.PUBLISHED[n]}
        assert changed == {0: "excluded", 20: "excluded", 1: "excluded"}

    def test_the_test_part_is_never_excluded(self):
        """Contradicting labels exclude training images, but the published test stays whole."""
        excluded = np.zeros(40, bool)
        excluded[[3, 39]] = True
        part = partition.official(
            known([0, 1] * 20, excluded=excluded), self.PUBLISHED, val_share=0.2, rng=generator()
        )
        assert part[3] == "excluded"
        assert part[39] == "test"

    def test_a_missing_validation_part_is_taken_from_training(self):
        """A source of train and test only gets stratified validation images out of train."""
        published = ("train",) * 30 + ("test",) * 10
        part = partition.official(known([0, 1] * 20), published, val_share=0.2, rng=generator())
        assert [int((part == name).sum()) for name in PARTS] == [24, 6, 10]
        assert (part[30:] == "test").all()

    @pytest.mark.parametrize("published", [(), ("",) * 40, ("train",) * 40])
    def test_a_source_without_parts_is_refused(self, published):
        """The scheme needs a source that has a train and a test part."""
        with pytest.raises(ParameterError, match=r"split\.scheme: got 'official'"):
            partition.official(known([0, 1] * 20), published, val_share=0.2, rng=generator())


class TestLimitTraining:
    """Fewer training patients."""

    @settings(max_examples=25, deadline=None)
    @given(grouped_images())
    def test_smaller_sets_are_inside_larger_ones(self, images):
        """Kept groups are nested, whole and counted; val and test do not change."""
        part = partition.holdout(images, test_share=0.3, val_share=0.15, rng=generator())
        available = len(np.unique(images.groups[part == "train"]))
        before = set()
        for count in (max(4, available // 3), max(5, available // 2), available):
            limited = partition.limit_training(images, part, count, rng=generator(7))
            kept = set(images.groups[limited == "train"])
            assert len(kept) == count
            assert before <= kept
            assert (limited[part != "train"] == part[part != "train"]).all()
            assert set(limited[part == "train"]) <= {"train", "excluded"}
            before = kept

    def test_classes_stay_in_proportion(self):
        """30 of 300 groups, a third of them of class b, hold 10 of class b, give or take one."""
        images = known([0, 0, 1] * 100)
        limited = partition.limit_training(
            images,
            np.array(["train"] * 294 + ["val"] * 3 + ["test"] * 3, "U8"),
            30,
            rng=generator(),
        )
        assert abs(int((images.labels[limited == "train"] == 1).sum()) - 10) <= 1

    def test_two_groups_still_hold_both_classes(self):
        """The first groups kept cover the classes, however rare one is."""
        images = known([0] * 50 + [1] * 4)
        part = np.array(["train"] * 48 + ["val", "test"] * 2 + ["train", "val"], "U8")
        part[50:] = ["train", "train", "val", "test"]
        limited = partition.limit_training(images, part, 2, rng=generator())
        assert sorted(images.labels[limited == "train"]) == [0, 1]

    @settings(max_examples=25, deadline=None)
    @given(grouped_images(), st.integers(2, 4))
    def test_draws_are_disjoint_where_they_can_be(self, images, draws):
        """Draws share no group up to a `draws`-th of all, and each draw's sizes are nested.

        A draw that is moved to hold every class may take a group from a neighbour's stretch: at
        most one a class but one, and only where its own stretch lacked the class.
        """
        part = partition.holdout(images, test_share=0.3, val_share=0.15, rng=generator())
        available = len(np.unique(images.groups[part == "train"]))
        small, kept = available // draws, []
        for draw in range(draws):
            turn = {"draw": draw, "draws": draws}
            less, more = (
                partition.limit_training(images, part, size, rng=generator(7), **turn)
                for size in (small, available * 3 // 4)
            )
            kept.append(set(images.groups[less == "train"]))
            assert len(kept[-1]) == small
            assert kept[-1] <= set(images.groups[more == "train"])
            assert not spans(images, less)
        shared = sum(len(a & b) for n, a in enumerate(kept) for b in kept[:n])
        assert shared <= draws * (len(images.classes) - 1)

    def test_draws_of_two_classes_are_disjoint_and_in_proportion(self):
        """Four draws of 25 out of 100 groups use each once and hold about as many of each class."""
        images = known([0, 0, 1, 0, 1] * 22)
        part = np.array(["train"] * 100 + ["val"] * 5 + ["test"] * 5, "U8")
        draws = [
            partition.limit_training(images, part, 25, rng=generator(), draw=draw, draws=4)
            for draw in range(4)
        ]
        used = np.sum([draw == "train" for draw in draws], axis=0)
        assert (used[:100] == 1).all()
        counts = [int(images.labels[draw == "train"].sum()) for draw in draws]
        assert max(abs(count - 10) for count in counts) <= 1

    def test_too_many_draws_use_all_groups_about_equally(self):
        """Three draws of 60 out of 100 groups: each group once or twice, 80 of them twice."""
        images = known([0, 1] * 55)
        part = np.array(["train"] * 100 + ["val"] * 5 + ["test"] * 5, "U8")
        draws = [
            partition.limit_training(images, part, 60, rng=generator(), draw=draw, draws=3)
            for draw in range(3)
        ]
        used = np.sum([draw == "train" for draw in draws], axis=0)[:100]
        assert set(used) == {1, 2}
        assert used.sum() == 180

    def test_a_share_is_of_the_training_groups(self):
        """A quarter of 40 groups are 10, all of them 40, and whole numbers are counts."""
        images = known([0, 1] * 25)
        part = np.array(["train"] * 40 + ["val"] * 5 + ["test"] * 5, "U8")
        counts = [
            int((partition.limit_training(images, part, size, rng=generator()) == "train").sum())
            for size in (0.25, 1.0, 7)
        ]
        assert counts == [10, 40, 7]

    @pytest.mark.parametrize(("count", "match"), [(1, "no image of"), (1000, "has only")])
    def test_impossible_counts_name_the_parameter(self, count, match):
        """Too few groups for the classes, or more than there are, are errors."""
        images = known([0, 1] * 30)
        part = partition.holdout(images, test_share=0.3, val_share=0.15, rng=generator())
        with pytest.raises(ParameterError, match=rf"split\.train_patients: .*{match}"):
            partition.limit_training(images, part, count, rng=generator())
