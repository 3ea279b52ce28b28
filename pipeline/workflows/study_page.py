"""The page about a study: what a finished run found, with its pictures and figures beside it.

Not a stage: it puts a run that took hours where it can be read without running it. What the figures
cannot tell (what did not help, the commands, the machine) somebody writes into `about.md` beside
the pictures, and it is included as it stands.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.config import Params
from pipeline.errors import DataError
from pipeline.report import contents, quality, sizes
from pipeline.report.card import data_card
from pipeline.report.copies import copies, made_from_rows
from pipeline.report.curves import Curve, curves
from pipeline.report.sizes import Part
from pipeline.report.study import FURTHER, Study, markdown
from pipeline.splits import fold_name

ABOUT = "about.md"
REAL = "real"
# Single classifiers, by the thousand, stay with the run.
_LEFT_OUT = frozenset({"runs", "supporting"})


def run(params: Params, root: Path, out: Path) -> None:
    """Write a page about a finished run.

    Args:
        params: Of the project.
        root: The project's root, with what the stages up to `compare` left.
        out: A .md file; pictures and figures go beside it, into a directory of its name.

    Raises:
        DataError: If there is no comparison, or a file is malformed.
    """
    result, card = contents.comparison(root), data_card(params, root)
    if result is None or card is None:
        raise DataError(root / "metrics/comparison.json", "is missing; run `dvc repro` first")
    beside = out.with_suffix("")
    beside.mkdir(parents=True, exist_ok=True)
    parts = sizes.parts(result)
    assessed = quality.documents(params, root)
    drawn = curves(root, result, parts)
    _write_figures(result, assessed, beside / "figures.json")
    about = beside / ABOUT
    study = Study(
        params=params,
        result=result,
        parts=parts,
        card=card,
        curves=drawn,
        fidelity=quality.fidelity(assessed) if assessed else None,
        copies=copies(assessed, made_from_rows(root, assessed)),
        pictures=_pictures(params, root, parts, drawn, beside),
        about=about.read_text(encoding="utf-8") if about.exists() else "",
    )
    out.write_text(markdown(study), encoding="utf-8")


def _write_figures(
    result: Mapping[str, Any], assessed: Mapping[str, Mapping[str, Any]], path: Path
) -> None:
    """Keep the figures that the page is made of, without those of single classifiers."""
    kept: dict[str, Any] = {name: each for name, each in result.items() if name not in _LEFT_OUT}
    if "sizes" in kept:
        kept["sizes"] = {
            size: {name: each for name, each in part.items() if name not in _LEFT_OUT}
            for size, part in kept["sizes"].items()
        }
    kept["assess"] = {
        family: {name: document.get(name, {}) for name in ("mean", "mean_features")}
        for family, document in assessed.items()
    }
    text = json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _pictures(
    params: Params, root: Path, parts: Sequence[Part], drawn: list[Curve], beside: Path
) -> dict[str, str]:
    """Copy the run's pictures beside the page; what each shows, and its path from the page."""
    wanted = {
        "contrasts": "plots/compare/contrasts.png",
        "arms": "plots/compare/arms.png",
        **{name: f"plots/compare/{name}.png" for name in FURTHER},
        **{f"curve {curve.title}": curve.file for curve in drawn},
        **{
            f"pairs {family}": f"plots/assess/{family}/pairs_{fold_name(0, 0, 0)}.png"
            for family in params.synthetic
        },
    }
    found = {}
    for name, path in wanted.items():
        if (root / path).exists():
            kind, _, family = name.partition(" ")
            target = f"pairs_{family}.png" if kind == "pairs" else Path(path).name
            shutil.copyfile(root / path, beside / target)
            found[name] = f"{beside.name}/{target}"
    return found | _strips(params, root, parts, beside)


def _strips(params: Params, root: Path, parts: Sequence[Part], beside: Path) -> dict[str, str]:
    """Write strips of images of each class and set; synthetic ones of each size's first draw."""
    strips: dict[str, tuple[str, str]] = {}
    for part in parts:
        first = min((run["repeat"], run["fold"]) for run in part.content["runs"])
        for number, row in enumerate(contents.image_sets(params, root, *first)):
            for strip in row["strips"]:
                learnt = f" of {part.phrase}" * (strip["title"] != REAL and len(parts) > 1)
                # The number tells classes apart that differ in what no file name holds.
                title = f"{row['label']}, {strip['title']}{learnt}"
                strips[title] = f"{number}_{title}", strip["source"]
    found = {}
    for title in sorted(strips, key=lambda title: int(strips[title][0].partition("_")[0])):
        name, source = strips[title]
        target = f"images_{re.sub(r'[^A-Za-z0-9]+', '_', name)}.png"
        (beside / target).write_bytes(base64.b64decode(source.partition(",")[2]))
        found[f"images {title}"] = f"{beside.name}/{target}"
    return found
