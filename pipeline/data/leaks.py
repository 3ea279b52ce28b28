"""Refuse to train on synthetic images together with patients that they must not meet.

A generator has seen its fold's training patients. Its images may be mixed with these patients'
images and with nobody else's: whoever else is trained on would be tested, in that fold, by a
classifier that was trained on them; and in any other fold its images would bring test patients in.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from pipeline.errors import LeakError
from pipeline.imageset import ImageSet
from pipeline.readers.imageset import trained_on
from pipeline.splits import Splits, parse_fold


class LeakWarning(UserWarning):
    """It cannot be checked whether images of test patients are trained on."""


def check_leaks(real: ImageSet, synthetic: ImageSet, splits: Splits | Path | str | None) -> None:
    """Check that synthetic images and real rows belong to one and the same fold.

    Args:
        real: Real images, classically augmented ones among them or not.
        synthetic: Synthetic images; the column `trained_on`, else the set's name, tells the fold.
        splits: splits.csv or its path; None looks for it above the real images.

    Raises:
        LeakError: If a real image, or a parent of one, is no training row of a fold that the
            synthetic images were made from; or if these name parents that are none.
    """
    folds = sorted({name for name in trained_on(synthetic) if name})
    pairs = sorted({fold_of(name) for name in folds})
    if not pairs:
        return
    table = opened(splits, real)
    if table is None:
        _compare_names(real, synthetic, pairs)
        return
    for repeat, fold in pairs:
        if (repeat, fold) not in table.folds():
            raise LeakError(
                f"{synthetic.root}: was made from r{repeat}f{fold}, which splits.csv does not "
                "have; it belongs to another split"
            )
        table.check_training(real, repeat, fold)
        table.check_training(synthetic, repeat, fold)


def opened(splits: Splits | Path | str | None, real: ImageSet) -> Splits | None:
    """The given splits, else those that lie in a directory above the real images."""
    if isinstance(splits, Splits):
        return splits
    if splits is not None:
        return Splits.open(splits)
    for directory in real.root.resolve().parents:
        if (directory / "splits.csv").is_file() and (directory / "images").is_dir():
            return Splits.open(directory / "splits.csv")
    return None


def fold_of(name: str) -> tuple[int, int]:
    """The repeat and fold in `r0f1` or `r0f1g0`.

    Raises:
        LeakError: If it is no such name.
    """
    found = parse_fold(name)
    if found is None:
        raise LeakError(f"trained_on: got {name!r}; expected the name of a fold, e.g. r0f1")
    return found[:2]


def _compare_names(real: ImageSet, synthetic: ImageSet, pairs: list[tuple[int, int]]) -> None:
    """Without splits.csv, go by the name of the real set, as data/augmented/r0f1 has one."""
    if parse_fold(real.root.name) is None:
        names = ", ".join(f"r{repeat}f{fold}" for repeat, fold in pairs)
        warnings.warn(
            f"{synthetic.root}: was made from training patients of {names}, and nothing tells "
            f"whether {real.root} holds these patients only; give splits=",
            LeakWarning,
            stacklevel=4,
        )
        return
    if pairs != [fold_of(real.root.name)]:
        raise LeakError(
            f"{synthetic.root}: was made from other training patients than {real.root}; mix "
            f"it with images made from {real.root.name}"
        )
