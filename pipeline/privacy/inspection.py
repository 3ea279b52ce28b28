"""Everything that is asked about copies of one fold: figures, the list of suspects, the picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.config import Copies
from pipeline.fidelity.judging import Described, Parts
from pipeline.imageset import ImageSet
from pipeline.privacy import copies, membership
from pipeline.privacy.pictures import save_pairs
from pipeline.privacy.spaces import Part
from pipeline.seeding import numpy_rng
from pipeline.splits import Splits

Judge = Callable[[ImageSet], NDArray[np.float64] | None]
Features = Mapping[str, Described]


def inspect(
    sets: Parts,
    features: Features,
    splits: Splits,
    options: Copies,
    *,
    path: Path,
    seed: int,
    judge: Judge,
) -> dict[str, Any]:
    """Look for copies, try to tell who was trained on, list and show the suspects.

    Args:
        sets: The images.
        features: By the extractor's name, of all three parts.
        splits: Whose the images are.
        options: What is looked for.
        path: Without its ending: `pairs_<name>.png` and `copies_<name>.csv` are written there.
        seed: Of what is drawn.
        judge: Discriminator logits of real images, or None where there is no discriminator.

    Returns:
        What `copies.judge` gives, and `membership`. With too few held-out images `copying` is null
        and the finding says so.
    """
    training, held_out, synthetic = _parts(sets, features, splits)
    if len(held_out) < copies.FEWEST or len(np.unique(held_out.groups)) < 2:
        return {
            "copying": None,
            "finding": f"Nothing can be said of copies: only {len(held_out)} held-out images.",
        }
    rule = copies.Rule(options.false_alarm, options.overall_alarm, options.shift)
    spaces = copies.compare(training, held_out, synthetic, rule)
    table = copies.flagged(spaces, training, synthetic)
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path.with_name(f"copies_{path.name}.csv"), index=False, lineterminator="\n")
    save_pairs(
        path.with_name(f"pairs_{path.name}.png"),
        training,
        [
            ("synthetic", synthetic, copies.most_suspicious(spaces, options.pairs_shown)),
            (
                "held out",
                held_out,
                copies.most_suspicious(spaces, options.pairs_shown, held_out=True),
            ),
        ],
        shift=options.shift,
    )
    figures = copies.judge(spaces, held_out.groups, rule)
    figures["flagged_images"] = int(table["synthetic_id"].nunique())
    figures["membership"] = _membership(sets, (training, held_out, synthetic), options, seed, judge)
    return figures


def _parts(sets: Parts, features: Features, splits: Splits) -> tuple[Part, Part, Part]:
    group_of = dict(zip(splits.frame["image_id"], splits.frame["group_id"], strict=True))
    training, held_out, synthetic = (
        Part(
            ids := images.manifest["image_id"].to_numpy(str),
            # A synthetic image is of nobody, and so of no one's group but its own.
            np.asarray([group_of.get(each, each) for each in ids], np.str_),
            torch.from_numpy(images.scaled()),
            {extractor: getattr(parts, name) for extractor, parts in features.items()},
        )
        for name, images in (
            ("training", sets.training),
            ("held_out", sets.held_out),
            ("synthetic", sets.synthetic),
        )
    )
    return training, held_out, synthetic


def _membership(
    sets: Parts, parts: tuple[Part, Part, Part], options: Copies, seed: int, judge: Judge
) -> dict[str, Any]:
    training, held_out, synthetic = parts
    rows = membership.equal_patients(
        training.groups, held_out.groups, rng=numpy_rng(seed, "patients")
    )
    members, strangers = training.take(rows[0]), held_out.take(rows[1])
    attacks = membership.by_distance(members, strangers, synthetic, shift=options.shift)
    chosen = sets.training.take(rows[0]), sets.held_out.take(rows[1])
    logits = [judge(each) for each in chosen]
    if logits[0] is not None and logits[1] is not None:
        attacks["discriminator"] = membership.by_discriminator(
            np.concatenate([logits[0], logits[1]]),
            np.concatenate([each.labels for each in chosen]),
        )
    member = np.arange(len(members) + len(strangers)) < len(members)
    groups = np.concatenate([members.groups, strangers.groups])
    return membership.judge(attacks, member, groups, rng=numpy_rng(seed, "bootstrap"))
