"""The curves: what more patients, another ratio and more images do to the arms.

A curve is a picture that `compare` or `curves` drew, how to read it, and what it says in words. To
add one: a function that returns a `Curve`, and a line in `curves`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.report import alternatives, formats, pictures
from pipeline.report.contents import read_json
from pipeline.report.plots import NAMES
from pipeline.report.sizes import Part


@dataclass(frozen=True)
class Curve:
    """One curve of the page.

    Args:
        title: Its heading.
        source: A data URI, or nothing where there is no picture.
        file: The picture, beside the project's root.
        says: What it says, for those who cannot see it.
        reading: How to read it, in a sentence.
        findings: What follows from it, in sentences.
        wanted: What to do to get it.
    """

    title: str
    file: str
    source: str
    says: str
    reading: str
    findings: Sequence[str]
    wanted: str


def curves(root: Path, result: Mapping[str, Any] | None, parts: Sequence[Part]) -> list[Curve]:
    """The curves in the order of reading, those that are not there with an empty `source`."""
    found = result.get("curves") or {} if result else {}
    return [
        _of_patients(root, result, found, parts),
        _of_shares(root, result, found),
        _of_images(root),
    ]


def _of_patients(
    root: Path, result: Mapping[str, Any] | None, found: Mapping[str, Any], parts: Sequence[Part]
) -> Curve:
    file = "plots/compare/patients.png"
    says = alternatives.patients(parts, result["primary"], result["order"]) if result else ""
    return Curve(
        "How many patients",
        file,
        _picture(root, file),
        says,
        "Each line is an arm; where a line lies above the baseline's, its augmentation pays with "
        "that many patients to train on, and the step to the right that the baseline needs to get "
        "as high is what the augmentation is worth in patients.",
        worth(found, result["baseline"]) if result else [],
        "list several sizes in `split.train_patients`, e.g. `[25, 60, 150]`, and run `dvc repro`",
    )


def worth(found: Mapping[str, Any], baseline: str) -> list[str]:
    """What each arm is worth in patients of the baseline's, in sentences.

    Args:
        found: The `curves` of comparison.json.
        baseline: The arm whose patients are counted.
    """
    return [
        f"With {formats.size(row['train_patients'], sentence=True)}, {arm} is as good as "
        f"{baseline} with {_count(row['worth'])} (interval {_bound(row['low'])} to "
        f"{_bound(row['high'])})."
        if row["worth"] is not None
        else f"With {formats.size(row['train_patients'], sentence=True)}, what {arm} is worth lies "
        "outside of the sizes that were measured."
        for arm, rows in (found.get("worth") or {}).items()
        for row in rows
    ]


def _of_shares(root: Path, result: Mapping[str, Any] | None, found: Mapping[str, Any]) -> Curve:
    file = "plots/compare/shares.png"
    metric = NAMES[result["primary"]] if result else "the measure"
    sentences = list(_sentences(found.get("shares")))
    says = f"{metric.capitalize()} against the share of synthetic images in a batch. "
    return Curve(
        "How many synthetic images to a real one",
        file,
        _picture(root, file),
        says + " ".join(sentences),
        "Each line is an arm; the share that it ended with was chosen on validation patients in "
        "each fold, and the line shows what the other shares would have given.",
        sentences,
        "list several shares in `classify.synthetic_share`, e.g. `[0.25, 0.5, 0.75]`, and run "
        "`dvc repro`",
    )


def _of_images(root: Path) -> Curve:
    file, path = "plots/curves/augmentation.png", root / "metrics/curves.json"
    sentences = list(_sentences(read_json(path))) if path.exists() else []
    return Curve(
        "How many added images",
        file,
        _picture(root, file),
        "Test accuracy against the number of classically augmented images, then against the "
        "number of synthetic images added to the best of these. " + " ".join(sentences),
        "From the left, classically augmented images are added until validation patients say that "
        "no more help; from there on synthetic ones are. A line that goes on rising is a gain that "
        "classical augmentation alone does not reach.",
        sentences,
        "run `dvc repro curves`",
    )


def _count(patients: float) -> str:
    return f"{patients:.0f} patients"


def _bound(patients: float | None) -> str:
    return "beyond what was measured" if patients is None else f"{patients:.0f}"


def _picture(root: Path, file: str) -> str:
    path = root / file
    return pictures.inline(path.read_bytes()) if path.exists() else ""


def _sentences(value: Any) -> Iterator[str]:
    """Every text under a key `sentence`, in order."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name == "sentence" and isinstance(each, str):
                yield each
            else:
                yield from _sentences(each)
    elif isinstance(value, list):
        for each in value:
            yield from _sentences(each)
