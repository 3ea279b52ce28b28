"""Can one tell who was trained on? Membership inference, as an attacker would.

Real images of training patients (members) and of held-out ones (non-members) are scored by how
likely each is a member, and the score is judged like a diagnosis: by the area under its ROC curve
and by the share of members found at one false accusation in a hundred. Attacks:

- distance: minus the distance to the nearest synthetic image (Chen et al., section 4.2, full
  black-box: L(x, R(x)) with R(x) the nearest of the samples);
- calibrated distance: minus that distance less the distance to the nearest real image of another
  patient, which stands for how common x is (section 4.6 subtracts that of a reference generator;
  fresh real images are the best reference there is);
- discriminator: its logit (Hayes et al., section 4.1, white-box), centred and scaled by class,
  since a class may have a discriminator of its own.

The best attack known today is none that anybody could make; an area of one half is no promise.

Sources: Chen et al. 2020, GAN-Leaks, arXiv:1909.03935; Hayes et al. 2019, LOGAN, arXiv:1705.07663;
the share at few false accusations: Carlini et al. 2022, arXiv:2112.03570, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.privacy.spaces import Part, search
from pipeline.statistics import group_weights, percentile_interval
from pipeline.statistics.weighted import weighted_auc

FALSE_ACCUSATIONS = 0.01
CONFIDENCE = 0.95
_DRAWS = 1000


def equal_patients(
    members: NDArray[Any], strangers: NDArray[Any], *, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw images of as many patients on either side, each with all images.

    Args:
        members: (N,) whose the training images are.
        strangers: (M,) whose the held-out ones are.
        rng: Draws the patients of the greater side.

    Returns:
        Positions among the one and among the other, ascending.
    """
    count = min(len(np.unique(members)), len(np.unique(strangers)))
    rows = []
    for groups in (members, strangers):
        drawn = rng.choice(np.unique(groups), count, replace=False)
        rows.append(np.flatnonzero(np.isin(groups, drawn)))
    return rows[0], rows[1]


def by_distance(
    members: Part, strangers: Part, synthetic: Part, *, shift: int
) -> dict[str, NDArray[np.float64]]:
    """Score members and then strangers by nearness to synthetic images.

    Args:
        members: N training images.
        strangers: M held-out ones, of about as many patients.
        synthetic: What the generator made.
        shift: Pixels by which copies may be shifted.

    Returns:
        By attack and space, (N + M,) greater for likelier members.
    """
    both = _together(members, strangers)
    near = search(both, synthetic, shift=shift, mixtures=False)
    usual = search(both, both, shift=shift, apart=True, mixtures=False)
    scores = {f"distance_{name}": -found.distances for name, found in near.items()}
    for name, found in near.items():
        scores[f"calibrated_{name}"] = usual[name].distances - found.distances
    return scores


def by_discriminator(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Put the logits (N,) of each class on one scale: less their median, over their spread."""
    scores = np.asarray(logits, np.float64).copy()
    for label in np.unique(labels):
        rows = labels == label
        low, middle, high = np.quantile(scores[rows], [0.25, 0.5, 0.75])
        scores[rows] = (scores[rows] - middle) / (high - low if high > low else 1.0)
    return scores


def judge_attack(
    scores: NDArray[np.float64],
    member: NDArray[np.bool_],
    groups: NDArray[Any],
    *,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """How well scores tell members from strangers.

    Args:
        scores: (N,) greater for likelier members.
        member: (N,).
        groups: (N,) whose the images are; patients are resampled, members and strangers apart.
        rng: Draws the bootstrap.

    Returns:
        `auc` and `tpr` (at most `FALSE_ACCUSATIONS` of the strangers above the threshold), each
        with its interval; `fpr_resolution`, the smallest false-positive rate that so many
        strangers can show.
    """
    names, index = np.unique(groups, return_inverse=True)
    kind = np.zeros(len(names), np.int64)
    kind[index] = member
    weights = group_weights(kind, _DRAWS, rng=rng)[:, index]
    ones = np.ones((1, len(scores)))
    return {
        "auc": _with_interval(*(weighted_auc(member, scores, mass) for mass in (ones, weights))),
        "tpr": _with_interval(*(_found_share(member, scores, mass) for mass in (ones, weights))),
        "fpr": FALSE_ACCUSATIONS,
        "fpr_resolution": 1.0 / int((~member).sum()),
    }


def judge(
    attacks: Mapping[str, NDArray[np.float64]],
    member: NDArray[np.bool_],
    groups: NDArray[Any],
    *,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Judge attacks on the same images; see `judge_attack`."""
    return {
        "patients": len(np.unique(groups[member])),
        "members": int(member.sum()),
        "strangers": int((~member).sum()),
        "confidence": CONFIDENCE,
        "attacks": {
            name: judge_attack(scores, member, groups, rng=rng) for name, scores in attacks.items()
        },
    }


def _together(first: Part, second: Part) -> Part:
    import torch

    return Part(
        np.concatenate([first.ids, second.ids]),
        np.concatenate([first.groups, second.groups]),
        torch.cat([first.images, second.images]),
        {
            name: np.concatenate([each, second.features[name]])
            for name, each in first.features.items()
        },
    )


def _found_share(
    member: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share (B,) of the members above the threshold that few enough strangers exceed."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    mass, hits = weights[:, order], member[order]
    true = np.cumsum(mass * hits, axis=1)[:, ends] / (mass * hits).sum(1, keepdims=True)
    false = np.cumsum(mass * ~hits, axis=1)[:, ends] / (mass * ~hits).sum(1, keepdims=True)
    # A rounding error more is no further stranger.
    found: NDArray[np.float64] = np.where(false <= FALSE_ACCUSATIONS + 1e-9, true, 0.0).max(1)
    return found


def _with_interval(value: NDArray[np.float64], replicates: NDArray[np.float64]) -> dict[str, float]:
    low, high = percentile_interval(replicates, CONFIDENCE)
    return {"value": float(value[0]), "low": low, "high": high}
