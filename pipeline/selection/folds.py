"""Select the images of one fold's set, whoever made them, and write what was chosen into it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline import jsonfile
from pipeline.compute import Machine, Report
from pipeline.config import Params
from pipeline.fidelity.features.fold_embedding import embedding_seed
from pipeline.imageset import ImageSet, write_selection
from pipeline.selection.selector import Selector, learn
from pipeline.selection.summary import summarise
from pipeline.splits import Splits, fold_name


@dataclass(frozen=True)
class FoldOf:
    """A fold of a project.

    Args:
        params: All parameters.
        root: The project's root.
        repeat: The fold's repeat.
        fold: The fold.
    """

    params: Params
    root: Path
    repeat: int
    fold: int


def select(of: FoldOf, directory: Path, machine: Machine, report: Report) -> None:
    """Score the images of a set by the fold's training rows, and mark the best.

    Args:
        of: The fold.
        directory: The set; its manifest is changed, and `selection.json` is written into it.
        machine: Device and threads.
        report: Hears the steps of the network that is fitted, and each image.

    Raises:
        LeakError: If the fold's augmented set holds real images that are no training rows.
        DataError: If there are too few training rows to know their like by.
    """
    splits = Splits.open(of.root / "data/splits.csv")
    template = ImageSet.open(of.root / "data/augmented" / fold_name(of.repeat, of.fold))
    training = template.take(template.manifest["origin"].eq("real").to_numpy(bool))
    splits.check_training(training, of.repeat, of.fold)
    group_of = splits.frame.drop_duplicates("image_id").set_index("image_id")["group_id"]
    ground = learn(
        training,
        splits.select(ImageSet.open(of.root / "data/images"), of.repeat, of.fold, "val"),
        group_of.loc[training.manifest["image_id"]].to_numpy(),
        of.params.synthesize.selection,
        steps=of.params.assess.embedding_steps,
        seed=embedding_seed(of.params.seed, of.repeat, of.fold),
        # As assess does, which then finds the network fitted.
        machine=Machine(machine.device, machine.threads),
        augment=of.params.augment,
        report=report,
    )
    selector = Selector.fit(ground)
    judged = selector.judge(ImageSet.open(directory), report)
    chosen = selector.choose(judged)
    write_selection(directory, chosen.tolist(), judged.score.tolist())
    jsonfile.write(directory / "selection.json", summarise(ground, judged, chosen))
