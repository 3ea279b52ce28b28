"""The curves: what more patients, another ratio and more images do to the arms.

A curve is a picture that `compare` or `curves` drew, how to read it, what it says in words, and its
numbers. To add one: a function that returns a `Curve`, and a line in `curves`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import jsonfile
from pipeline.report import alternatives, formats, pictures, sizes
from pipeline.report.scales import LOWER_IS_BETTER, NAMES
from pipeline.report.sizes import Part


@dataclass(frozen=True)
class Curve:
    """One curve.

    Args:
        title: Its heading.
        file: The picture, beside the project's root.
        source: The same as a data URI, or nothing where it is not drawn.
        says: What it says, for those who cannot see it.
        reading: How to read it, in a sentence.
        findings: What follows from it, in sentences.
        columns: Titles of its numbers.
        rows: Cells of its numbers, each a text or an interval; the first names the row.
        wanted: What to do to get it.
    """

    title: str
    file: str
    source: str
    says: str
    reading: str
    findings: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    wanted: str


def curves(root: Path, result: Mapping[str, Any] | None, parts: Sequence[Part]) -> list[Curve]:
    """The curves in the order of reading, those that are not there with an empty `source`.

    Args:
        root: The project's root.
        result: The content of comparison.json.
        parts: From `sizes.parts`.
    """
    return [_of_patients(root, result, parts), _of_shares(root, result), _of_images(root)]


def worth(result: Mapping[str, Any]) -> list[str]:
    """What arms of headline contrasts are worth in patients of the baseline's, in sentences."""
    baseline, found = result["baseline"], (result.get("curves") or {}).get("patients") or {}
    announced = {row["arm"] for row in sizes.of_family(result["contrasts"], sizes.HEADLINE)}
    sentences = []
    for arm, rows in found.get("worth", {}).items():
        for row in rows if arm in announced else ():
            where = f"With {formats.size(row['train_patients'], sentence=True)}, "
            if row["worth"] is None:
                sentences.append(
                    f"{where}what {arm} is worth lies outside of the sizes that were measured."
                )
                continue
            low, high = (
                "fewer than were measured" if row["low"] is None else f"{row['low']:.0f}",
                "more than were measured" if row["high"] is None else f"{row['high']:.0f}",
            )
            sentences.append(
                f"{where}{arm} is as good as {baseline} with {row['worth']:.0f} patients "
                f"({formats.percent(result['confidence'])} interval {low} to {high})."
            )
    return sentences


def _of_patients(root: Path, result: Mapping[str, Any] | None, parts: Sequence[Part]) -> Curve:
    file = "plots/compare/patients.png"
    rows: list[list[Any]] = []
    side = "above"
    if result:
        metric = result["primary"]
        side = "below" if metric in LOWER_IS_BETTER else "above"
        rows = [
            [arm, *(part.content["arms"][arm][metric] for part in parts)] for arm in result["order"]
        ]
    return Curve(
        "How many patients",
        file,
        _picture(root, file),
        alternatives.patients(parts, result["primary"], result["order"]) if result else "",
        f"Each line is an arm; where a line lies {side} the baseline's, its augmentation pays with "
        "that many patients to train on, and the step to the right that the baseline needs to get "
        "as far is what the augmentation is worth in patients.",
        worth(result) if result else [],
        ["Arm", *(formats.size(part.name, sentence=True).capitalize() for part in parts)],
        rows,
        "list several sizes in `split.train_patients`, e.g. `[25, 60, 150]`, and run `dvc repro`",
    )


def _of_shares(root: Path, result: Mapping[str, Any] | None) -> Curve:
    file = "plots/compare/shares.png"
    found = ((result or {}).get("curves") or {}).get("shares") or {}
    metric = NAMES[result["primary"]] if result else "the measure"
    findings = [
        f"{arm}: validation chose "
        + ", ".join(
            f"{point['share']:.0%} in {point['chosen']} of {point['folds']} folds"
            for point in points
            if point["chosen"]
        )
        + f"; test {metric} "
        + ", ".join(
            f"{formats.figure(point['test']['mean'])} at {point['share']:.0%}" for point in points
        )
        + "."
        for arm, points in found.items()
    ]
    return Curve(
        "How many synthetic images to a real one",
        file,
        _picture(root, file),
        f"Validation loss and test {metric} against the share of synthetic images in a batch. "
        + " ".join(findings),
        "Each line is an arm and each dot a share of synthetic images; the number at a dot says in "
        "how many folds validation chose it. A flat line says that the share hardly matters.",
        findings,
        ["Arm", "Share", "Chosen in folds", "Validation loss", f"Test {metric}"],
        [
            [arm, f"{point['share']:.0%}", f"{point['chosen']} of {point['folds']}",
             point["val_loss"], point["test"]]
            for arm, points in found.items()
            for point in points
        ],
        "list several shares in `classify.synthetic_share`, e.g. `[0.25, 0.5, 0.75]`, and run "
        "`dvc repro`",
    )  # fmt: skip


def _of_images(root: Path) -> Curve:
    file, path = "plots/curves/augmentation.png", root / "metrics/curves.json"
    found = jsonfile.read(path) if path.exists() else {}
    metric, lines = NAMES.get(found.get("primary", ""), "accuracy"), found.get("lines", ())
    findings = [_line_says(each, metric) for each in lines if each["points"]]
    return Curve(
        "How many added images",
        file,
        _picture(root, file),
        f"Test {metric} against the number of images added to the real ones. "
        + " ".join(findings),
        "From the left, classically augmented images are added; from the number that validation "
        "prefers on, synthetic ones are. A line that goes on rising there is a gain that classical "
        "augmentation alone does not reach.",
        findings,
        ["Line", "Images added", f"Test {metric}", "Chosen in folds"],
        [
            [each["name"], f"{point['added']:.0f}", point,
             f"{point['chosen']} of {len(point['folds'])}"]
            for each in lines
            for point in each["points"]
        ],
        "list numbers of images under `curves` in params.yaml and run `dvc repro curves`",
    )  # fmt: skip


def _line_says(line: Mapping[str, Any], metric: str) -> str:
    first, last = line["points"][0], line["points"][-1]
    best = max(line["points"], key=lambda point: int(point["chosen"]))
    return (
        f"{line['name']}: {metric} {formats.figure(first['mean'])} with {first['added']:.0f} and "
        f"{formats.figure(last['mean'])} with {last['added']:.0f} added images; validation most "
        f"often chose {best['added']:.0f} ({best['chosen']} of {len(best['folds'])} folds)."
    )


def _picture(root: Path, file: str) -> str:
    path = root / file
    return pictures.inline(path.read_bytes()) if path.exists() else ""
