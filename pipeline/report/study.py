"""The text of the page about a whole study, from the figures of a finished run.

To add a part: a function that gives lines of Markdown, and a line in `markdown`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config import Params
from pipeline.report import formats, sizes, study_quality, wording
from pipeline.report.curves import Curve
from pipeline.report.page import TESTS
from pipeline.report.scales import NAMES
from pipeline.report.sizes import Part

ARM_METRICS = ("balanced_accuracy", "auc", "sensitivity", "specificity", "ece")
PARTS = {"train": "training", "val": "validation", "test": "test", "excluded": "not used"}

FURTHER = {
    "reliability": (
        "Calibration",
        "On the diagonal, what was predicted with 70% comes true in 70%.",
    ),
    "subgroups": (
        "Subgroups",
        "Parts of the test images are small and many, so nothing here is a verdict.",
    ),
}


@dataclass(frozen=True)
class Study:
    """Everything that the page is made of.

    Args:
        params: All parameters.
        result: The content of comparison.json.
        parts: From `sizes.parts`.
        card: From `card.data_card`.
        curves: From `curves.curves`.
        fidelity: From `quality.fidelity`, or None.
        copies: From `copies.copies`, or None.
        pictures: Pictures beside the page by what they show: `contrasts`, `arms`, `curve <title>`,
            the keys of `FURTHER`, `images <class>, <set>`, `pairs <family>`; each a path from the
            page.
        about: What somebody wrote, or nothing.
    """

    params: Params
    result: Mapping[str, Any]
    parts: Sequence[Part]
    card: Mapping[str, Any]
    curves: Sequence[Curve]
    fidelity: Mapping[str, Any] | None
    copies: Mapping[str, Any] | None
    pictures: Mapping[str, str]
    about: str

    @property
    def metric(self) -> str:
        """The measure that decides, in words."""
        return NAMES[self.result["primary"]]


def markdown(study: Study) -> str:
    """Write the page.

    Args:
        study: What it is made of.
    """
    lines = [
        f"# Study: {study.params.report.title}",
        "",
        "Made by `python -m pipeline study-page`; do not edit.",
        *_warnings(study),
        *_question(study),
        *_data(study),
        *_design(study),
        *_answer(study),
        *_arms(study),
        *_curves(study),
        *_further(study),
        *_images(study),
        *(study_quality.fidelity(study.fidelity) if study.fidelity else ()),
        *(study_quality.copies(study.copies) if study.copies else ()),
        *_pairs(study),
        *(["", study.about.strip()] if study.about else []),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _warnings(study: Study) -> list[str]:
    said = (study.result["note"], wording.size_warning(study.result["demonstration_reasons"]))
    return [line for text in said if text for line in ("", f"**{text}**")]


def _question(study: Study) -> list[str]:
    asked = dict.fromkeys((row["arm"], row["against"]) for row in _headline(study.parts))
    pairs = ", ".join(f"`{arm}` rather than `{against}`" for arm, against in asked)
    phrases = ", ".join(part.phrase for part in study.parts)
    return [
        "",
        "## The question",
        "",
        f"Does a classifier that tells apart {', '.join(study.result['classes'])} get better when"
        f" it is trained with {pairs or 'another arm'}, with {phrases}? The measure that decides is"
        f" {study.metric}.",
    ]


def _data(study: Study) -> list[str]:
    # What the scans are is said at the top.
    facts = [f"{name}: {value}" for name, value in study.card["facts"].items() if name != "Note"]
    classes = [(row["label"], row["images"], row["patients"]) for row in study.card["classes"]]
    counts = [
        (formats.size(row["size"]), PARTS[row["part"]], row["images"], row["groups"])
        for row in study.card["parts"]
    ]
    return [
        "",
        "## The data",
        "",
        f"{'; '.join(facts)}.",
        "",
        *formats.table(("class", "images", "patients"), classes),
        "",
        "Images and patients (or groups of near-duplicates) in one fold:",
        "",
        *formats.table(("training patients", "part", "images", "groups"), counts),
    ]


def _design(study: Study) -> list[str]:
    params, units = study.params, study.result["units"]
    classify = params.classify
    share = classify.synthetic_share
    chosen = (
        "The share of synthetic images in a batch was chosen on validation patients. "
        if isinstance(share, Sequence)
        else f"{share:.0%} of each batch is synthetic where an arm has synthetic images. "
    )
    rows = _headline(study.parts)
    tests = dict.fromkeys(TESTS.get(row["test"], row["test"]) for row in rows)
    text = (
        f"{units['folds']} {_plural('fold', units['folds'])}, {units['repeats']} "
        f"{_plural('repeat', units['repeats'])} of each size, {units['seeds']} "
        f"{_plural('classifier', units['seeds'])} and {params.train_gan.gan_seeds} "
        f"{_plural('generator', params.train_gan.gan_seeds)} a fold and repeat. Every arm has the "
        f"same model (`{classify.model}`), {classify.steps} steps of {classify.batch} images, and "
        f"the same seeds. Generators: {_listed(params.train_gan.families)}, trained on the "
        f"training patients alone. {chosen}Test patients ({units['patients']}, "
        f"{units['images']} images) were looked at once. The test that decides: "
        f"{', '.join(tests) or 'none'}; p corrected by Holm over {len(rows)} "
        f"{_plural('comparison', len(rows))}."
    )
    return ["", "## The design", "", text]


def _answer(study: Study) -> list[str]:
    lines = ["", "## The answer", ""]
    for part in study.parts:
        lines += [f"- {row['sentence']}" for row in _headline([part])]
    rows = [
        (
            part.title,
            row["arm"],
            row["against"],
            formats.change(row),
            formats.p_value(row["p"]),
            formats.p_value(row["p_holm"]),
            f"**{row['verdict']}**",
            formats.interval(row["effect_size"]) if row.get("effect_size") else formats.DASH,
            formats.figure(sizes.smallest_gain(row)),
        )
        for part in study.parts
        for row in _headline([part])
    ]
    head = (
        "training patients", "arm", "against", f"difference in {study.metric}", "p",
        "p, corrected", "verdict", "effect size", "could have shown",
    )  # fmt: skip
    lines += ["", *formats.table(head, rows)]
    worth = study.curves[0].findings
    if worth:
        lines += ["", "In patients:", "", *(f"- {sentence}" for sentence in worth)]
    return [*lines, *_picture(study, "contrasts", f"Differences in {study.metric}")]


def _arms(study: Study) -> list[str]:
    shown = list(dict.fromkeys([study.result["primary"], *ARM_METRICS]))
    lines = ["", "## All arms"]
    for part in study.parts:
        rows = [
            (f"`{arm}`", *(formats.interval(part.content["arms"][arm][key]) for key in shown))
            for arm in study.result["order"]
        ]
        head = ("arm", *(NAMES[key] for key in shown))
        lines += ["", f"### With {part.phrase}", "", *formats.table(head, rows)]
        others = sizes.of_family(part.contrasts, sizes.EXPLORATORY)
        if others:
            lines += ["", "Looked at without having been announced:", ""]
            lines += [f"- {row['verdict']}: {row['sentence']}" for row in others]
    return [*lines, *_picture(study, "arms", "Each arm, and each of its training runs")]


def _curves(study: Study) -> list[str]:
    lines = []
    for curve in study.curves:
        picture = _picture(study, f"curve {curve.title}", curve.title)
        if picture:
            lines += ["", f"## {curve.title}", *picture, "", curve.reading]
            # What an arm is worth in patients is said in the answer.
            if curve.findings and curve is not study.curves[0]:
                lines += ["", *(f"- {finding}" for finding in curve.findings)]
    return lines


def _further(study: Study) -> list[str]:
    lines = []
    for name, (title, reading) in FURTHER.items():
        if picture := _picture(study, name, title):
            lines += ["", f"## {title}", *picture, "", reading]
    return lines


def _images(study: Study) -> list[str]:
    lines = []
    for name in study.pictures:
        if name.startswith("images "):
            title = name.removeprefix("images ")
            lines += ["", f"{title[:1].upper()}{title[1:]}:", *_picture(study, name, title)]
    return ["", "## Real and synthetic images", *lines] if lines else []


def _pairs(study: Study) -> list[str]:
    lines = []
    for family in study.params.synthetic:
        lines += _picture(study, f"pairs {family}", f"Nearest pairs of {family}")
    return lines


def _headline(parts: Sequence[Part]) -> list[Mapping[str, Any]]:
    return [row for part in parts for row in sizes.of_family(part.contrasts, sizes.HEADLINE)]


def _picture(study: Study, name: str, words: str) -> list[str]:
    path = study.pictures.get(name)
    return ["", f"![{words}]({path})"] if path else []


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(formats.code, names))


def _plural(name: str, count: int) -> str:
    return name if count == 1 else f"{name}s"
