"""splits.csv and the leak rule: who may train, who only scores.

`stages/split.py` is the only author of splits.csv; everyone else reads it through `Splits`, whose
`training` hands out train rows only and whose `check_training` refuses anything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.errors import DataError, LeakError
from pipeline.imageset import ImageSet

COLUMNS = ("image_id", "group_id", "repeat", "fold", "part", "train_patients")
PARTS = ("train", "val", "test", "excluded")
ALL = "all"
_FOLD = re.compile(r"r(\d+)f(\d+)(?:g(\d+))?")
_TEXT = {"image_id": str, "group_id": str, "part": str, "train_patients": str}


@dataclass(frozen=True)
class Splits:
    """The table of splits.csv.

    Args:
        frame: Columns `image_id, group_id, repeat, fold, part, train_patients`. The last is the
            size that the row's repeat limits training to, as `size_name` writes it. Draw r of R of
            the k-th size is repeat k * R + r: its parts but `train` are those of repeat r.
    """

    frame: pd.DataFrame

    @classmethod
    def open(cls, path: Path | str) -> Splits:
        """Read splits.csv and check that no group spans the parts of a fold.

        Raises:
            DataError: If the file is missing or malformed.
            LeakError: If a group has rows in several of train, val and test.
        """
        path = Path(path)
        if not path.exists():
            raise DataError(path, "is missing; run the stage split")
        frame = pd.read_csv(path, dtype=_TEXT, keep_default_na=False)
        if tuple(frame.columns) != COLUMNS:
            raise DataError(path, f"has the columns {list(frame.columns)}, not {list(COLUMNS)}")
        unknown = sorted(set(frame["part"]) - set(PARTS))
        if unknown:
            raise DataError(path, f"has the part {unknown[0]!r}, not one of {list(PARTS)}")
        splits = cls(frame)
        splits.check_groups()
        return splits

    def check_groups(self) -> None:
        """Raise a LeakError if a group spans the parts of a fold."""
        used = self.frame[self.frame["part"] != "excluded"]
        spread = used.groupby(["repeat", "fold", "group_id"])["part"].nunique()
        if (spread > 1).any():
            repeat, fold, group = spread[spread > 1].index[0]
            raise LeakError(
                f"splits.csv: group {group} spans several parts of repeat {repeat}, fold {fold}; "
                "run the stage split again"
            )

    def folds(self, size: str | None = None) -> list[tuple[int, int]]:
        """All (repeat, fold), in order; of one size of the training part, if one is named."""
        rows = self.frame if size is None else self.frame[self.frame["train_patients"].eq(size)]
        pairs = rows[["repeat", "fold"]].drop_duplicates()
        return sorted((int(r), int(f)) for r, f in pairs.itertuples(index=False))

    def sizes(self) -> tuple[str, ...]:
        """The sizes of the training part, the headline one first."""
        return tuple(self.frame.sort_values("repeat", kind="stable")["train_patients"].unique())

    def ids(self, repeat: int, fold: int, part: str) -> set[str]:
        """The image ids of one part of one fold."""
        frame = self.frame
        chosen = (frame["repeat"] == repeat) & (frame["fold"] == fold) & (frame["part"] == part)
        return set(frame.loc[chosen, "image_id"])

    def select(self, images: ImageSet, repeat: int, fold: int, part: str) -> ImageSet:
        """View the rows of a set of real images that belong to one part of one fold."""
        wanted = self.ids(repeat, fold, part)
        return images.take(images.manifest["image_id"].isin(wanted).to_numpy(bool))

    def check_training(self, images: ImageSet, repeat: int, fold: int) -> None:
        """Refuse a training set with an image, or a parent of one, that is not a train row.

        Real images must be train rows themselves; all others must name parents that are, or
        none (a noise family's samples).

        Raises:
            LeakError: Naming the first image at fault.
        """
        allowed = self.ids(repeat, fold, "train")
        manifest = images.manifest
        rows = zip(manifest["image_id"], manifest["origin"], manifest["parent_ids"], strict=True)
        for image_id, origin, parents in rows:
            seen = {image_id} if origin == "real" else set(parents.split())
            stray = sorted(seen - allowed)
            if stray:
                raise LeakError(
                    f"{images.root}: {image_id} (origin {origin}) would bring {stray[0]} into "
                    f"training, which is not a train row of repeat {repeat}, fold {fold}; "
                    "run the stages since split again"
                )


def size_name(size: float | None) -> str:
    """How splits.csv and the outputs write an entry of `split.train_patients`."""
    if size is None or (isinstance(size, float) and size == 1):
        return ALL
    return str(size) if isinstance(size, int) else f"{size:g}"


def parse_fold(name: str) -> tuple[int, int, int | None] | None:
    """Repeat, fold and GAN seed (None without one) out of what `fold_name` gives, else None."""
    match = _FOLD.fullmatch(name)
    if match is None:
        return None
    repeat, fold, gan_seed = match.groups()
    return int(repeat), int(fold), None if gan_seed is None else int(gan_seed)


def fold_name(repeat: int, fold: int, gan_seed: int | None = None) -> str:
    """The name of a fold's directory: `r0f1`, with a GAN seed `r0f1g0`."""
    return f"r{repeat}f{fold}" + ("" if gan_seed is None else f"g{gan_seed}")
