"""The text of the page of families, from their figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.report.learning import best_after

NOISE = ("plain", "labelled", "text")
_BASELINE = "ppca"
_FACTOR = 3.0
_BUDGET = 150.0
_GLANCES = (20.0, 40.0, 80.0)
CURVES = "learning.png"
COLUMNS = {
    "seconds": "CPU s",
    "parameters": "parameters",
    "sampling_ms": "ms an image",
    "kid": "KID",
    "frechet": "Fréchet",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "label_agreement": "shows its class",
    "dice_ratio": "Dice ratio",
}


def markdown(
    figures: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any], pictures: Path
) -> str:
    """Write the page.

    Args:
        figures: By family, in order; see `workflows.family_page`.
        facts: About the fold and the run.
        pictures: The directory beside the page with `<family>.png` and, where somebody wrote
            them, `about.md` and `<family>.md`.
    """
    lines = [
        "# The families",
        "",
        *_about(figures, facts),
        *_written(pictures / "about.md"),
        "",
        *_table(figures),
        "",
        *_verdicts(figures, facts),
    ]
    if (pictures / CURVES).exists():
        lines += ["", f"![Quality against CPU seconds]({pictures.name}/{CURVES})"]
    for name, found in figures.items():
        lines += ["", f"## {name}", ""]
        if (pictures / f"{name}.png").exists():
            lines += [f"![Real and generated images]({pictures.name}/{name}.png)", ""]
        lines += _said(pictures / f"{name}.md")
        lines += [*_stated(found), *_attributes(found)]
    return "\n".join(lines).rstrip() + "\n"


def _about(figures: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any]) -> list[str]:
    note = f" {facts['note']}" if facts["note"] else ""
    stated = any(each.get("options") for each in figures.values())
    options = "its default options," + " but for those that its section names," * stated
    lines = [
        "Made by `python -m pipeline family-page`; do not edit."
        f" Every family with {options} trained on the {facts['training']} training"
        f" images ({facts['size']}) of one fold, one thread of a {facts['device'].upper()};"
        f" {facts['validation']} validation images chose the step whose weights are kept. Then"
        f" {facts['per_class']} images a class were compared with the training images in an"
        " embedding learnt on the fold. The first row puts the"
        f" {facts['held_out']} images of held-out patients in the generated ones' place: no"
        f" generator can be expected to do better.{note}",
        "",
        "In the pictures, for each class: what the images were made from, where there is such a"
        " thing (a scan, a mask), the generated images, and real ones below them.",
    ]
    if facts["size"].count("x") == 2:
        lines[-1] += (
            " A column is a volume, shown by three slices through its middle: across the last"
            " axis, the one that scans are read along, then across the second and the first."
        )
    return lines


def _table(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    shown = {
        key: title
        for key, title in COLUMNS.items()
        if any(key in each for each in figures.values())
    }
    rows = ["| family | " + " | ".join(shown.values()) + " |", "|---" * (len(shown) + 1) + "|"]
    first = next(iter(figures.values()))
    real = [
        _number(first[key]["floor"]) if isinstance(first.get(key), Mapping) else "" for key in shown
    ]
    rows.append("| *real, held out* | " + " | ".join(real) + " |")
    for name, found in figures.items():
        cells = [_number(_value(found.get(key))) for key in shown]
        rows.append(f"| [{name}](#{name}) | " + " | ".join(cells) + " |")
    return rows


def _verdicts(figures: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any]) -> list[str]:
    """What follows from the figures, and what does not."""
    noise = {name: each for name, each in figures.items() if each["batches"] in NOISE}
    learnt = {name: each for name, each in noise.items() if each["trained"]}
    lines = []
    if _BASELINE in noise and learnt:
        bar = noise[_BASELINE]["kid"]["value"]
        behind = [name for name, each in learnt.items() if each["kid"]["value"] >= bar]
        lines.append(
            f"- Of the {len(learnt)} families that learn to make images from noise, "
            f"{len(learnt) - len(behind)} beat the KID of `{_BASELINE}` ({_number(bar)})"
            + (f"; not so {_listed(behind)}: their sections say why." if behind else ".")
        )
    default = facts["default"]
    if default in learnt:
        kid = learnt[default]["kid"]
        ratio = kid["value"] / kid["floor_high"] if kid["floor_high"] > 0 else float("inf")
        lines.append(
            f"- The default, `{default}`: KID {_number(kid['value'])}, {ratio:.1f} times the 95th"
            f" percentile of held-out images' own at equal counts ({_number(kid['floor_high'])}),"
            f" against at most {_FACTOR:.0f} asked for."
        )
        lines.append(f"- Lowest KID of the families that make images from noise: {_first(learnt)}.")
        untold = {name: each for name, each in learnt.items() if each["batches"] != "text"}
        if len(untold) < len(learnt) and untold:
            lines[-1] += f" Of those that need no attributes of the scans: {_first(untold)}."
        lines += _by_time(learnt)
    for name, found in figures.items():
        low, chance = found.get("label_agreement_low"), found.get("label_chance")
        if low is not None and chance is not None and low <= chance:
            lines.append(
                f"- `{name}` does not show the class it is asked for: the 95% interval of the"
                f" classifier's agreement starts at {_number(low)}, chance is {_number(chance)}."
            )
    return lines


def _first(families: Mapping[str, Mapping[str, Any]]) -> str:
    """The family with the lowest KID, the KID, and the next one's."""
    kids = {name: each["kid"]["value"] for name, each in families.items()}
    first, *others = sorted(kids, key=lambda name: kids[name])
    then = f", then `{others[0]}` ({_number(kids[others[0]])})" if others else ""
    return f"`{first}` ({_number(kids[first])}){then}"


def _by_time(learnt: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Which family is ahead after some seconds of training, and whether all kept to the budget."""
    ahead = []
    for seconds in _GLANCES:
        reached = {name: best_after(each, seconds) for name, each in learnt.items()}
        scores = {name: score for name, score in reached.items() if score is not None}
        if scores:
            first = min(scores, key=lambda name: scores[name])
            ahead.append(f"after {seconds:.0f} s `{first}` ({_number(scores[first])})")
    lines = []
    if ahead:
        lines.append(
            "- Quality per second, as the KID of textures to the validation images, of the same"
            f" families (the picture below): ahead is {', '.join(ahead)}."
        )
    late = [name for name, each in learnt.items() if each["seconds"] > _BUDGET]
    lines.append(
        f"- The budget of {_BUDGET:.0f} CPU seconds for all models of a family was "
        + (f"passed by {_listed(late)}." if late else "kept by all of them.")
    )
    return lines


def _written(path: Path) -> list[str]:
    return ["", path.read_text(encoding="utf-8").strip()] if path.exists() else []


def _said(path: Path) -> list[str]:
    """What somebody wrote about a family, its heading as a line of its own."""
    if not path.exists():
        return []
    heading, _, rest = path.read_text(encoding="utf-8").strip().partition("\n")
    if not heading.startswith("# "):
        return [f"{heading}\n{rest}".rstrip(), ""]
    return [f"*{heading.partition(': ')[2] or heading[2:]}*", rest, ""]


def _stated(found: Mapping[str, Any]) -> list[str]:
    """The options that are not a family's defaults."""
    options = found.get("options")
    if not options:
        return []
    return [
        "Options: " + ", ".join(f"`{name}: {each}`" for name, each in options.items()) + ".",
        "",
    ]


def _attributes(found: Mapping[str, Any]) -> list[str]:
    """A family that is told attributes: whether its images show them."""
    names = [
        name.removeprefix("attribute_")
        for name, each in found.items()
        if name.startswith("attribute_") and isinstance(each, Mapping)
    ]
    if not names:
        return []
    lines = [
        "| attribute | shown by generated images | at least | by real ones |",
        "|---|---|---|---|",
    ]
    for name in names:
        each, low = found[f"attribute_{name}"], found[f"attribute_{name}_low"]
        cells = (_number(each["value"]), _number(low), _number(each["floor"]))
        lines.append(f"| {name.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _value(figure: Any) -> float | None:
    value: float | None = figure["value"] if isinstance(figure, Mapping) else figure
    return value


def _number(value: float | None) -> str:
    """Three digits or so, whatever the size."""
    if value is None:
        return ""
    for bound, digits in ((0.01, 4), (1.0, 3), (10.0, 2), (100.0, 1)):
        if abs(value) < bound:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
