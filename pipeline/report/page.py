"""The page that a person looks at: one self-contained HTML file.

Everything is inlined, and the page's own content policy forbids it to load anything, so it can be
mailed, archived and opened behind any firewall. Same inputs, same bytes: no dates, no paths.
To add a section: a template in `sections`, a line in `SECTIONS`, and what it shows in `_shown`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.config import Params
from pipeline.report import (
    alternatives,
    contents,
    external,
    formats,
    pictures,
    quality,
    sizes,
    trainings,
    wording,
)
from pipeline.report.card import data_card
from pipeline.report.copies import copies, made_from_rows, nearest_pairs
from pipeline.report.curves import curves
from pipeline.report.scales import LOWER_IS_BETTER, NAMES

# In the order of reading; each has the template sections/<key>.html.
SECTIONS = {
    "verdict": "Verdict",
    "arms": "Arms",
    "curves": "Curves",
    "calibration": "Calibration and subgroups",
    "images": "Real and synthetic images",
    "fidelity": "Fidelity",
    "copies": "Copies",
    "training": "GAN training",
    "data": "Data",
    "settings": "Settings",
}
TESTS = {
    "corrected_t": "corrected resampled t-test over folds",
    "mrmc": "multi-reader test over patients and draws of the training set",
    "clustered_bootstrap": "paired bootstrap over patients",
    "delong": "DeLong's test",
    "delong_clustered": "DeLong's test, clustered by patient",
    "mcnemar_mid_p": "McNemar's mid-p test",
    "mcnemar_exact": "McNemar's exact test",
    "mcnemar_clustered": "McNemar's test, clustered by patient",
}
_CHARTS = ("contrasts", "arms", "confusion", "roc", "reliability", "subgroups")


def render(params: Params, root: Path) -> str:
    """Make the page from whatever the stages have left.

    Args:
        params: All parameters.
        root: The project's root.

    Returns:
        HTML.

    Raises:
        DataError: If a file is there but malformed.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = formats.figure
    environment.filters["signed"] = formats.signed
    environment.filters["p_value"] = formats.p_value
    environment.filters["first_upper"] = lambda text: text[:1].upper() + text[1:]
    environment.filters["code"] = _code
    environment.filters["width"] = pictures.width
    environment.globals["of_family"] = sizes.of_family
    environment.globals["smallest_gain"] = sizes.smallest_gain
    environment.filters["smallest_gain"] = sizes.smallest_gain
    template = environment.get_template("page.html")
    return template.render(
        style=(here / "page.css").read_text(encoding="utf-8"), **_shown(params, root)
    )


def _shown(params: Params, root: Path) -> dict[str, Any]:
    """Everything that the templates show."""
    result = contents.comparison(root)
    parts = sizes.parts(result) if result else []
    assessed = quality.documents(params, root)
    checked = copies(assessed, made_from_rows(root, assessed))
    return {
        "title": params.report.title,
        "sections": SECTIONS,
        "result": result,
        "parts": parts,
        "note": _note(root, result),
        "warning": wording.size_warning(result["demonstration_reasons"]) if result else "",
        "phantom": params.ingest.source == "phantom",
        "arms": contents.arms(params, result) if result else [],
        "arms_of": {part.name: contents.arms(params, part.content) for part in parts},
        "covariates": contents.covariates(result) if result else [],
        "charts": _charts(root),
        "says": _says(result, parts) if result else {},
        "curves": curves(root, result, parts),
        "names": _names(params),
        "better": "Left" if params.compare.primary in LOWER_IS_BETTER else "Right",
        "tests": TESTS,
        "images": contents.image_sets(params, root),
        "learnt_from": formats.size(sizes.headline_size(result or {}), sentence=True),
        "fidelity": quality.fidelity(assessed) if assessed else None,
        "copies": checked,
        "elsewhere": external.told(assessed),
        "pairs": nearest_pairs(params, root, checked),
        "trainings": trainings.trainings(params, root),
        "card": data_card(params, root),
        "parameters": contents.parameters(params),
        "versions": contents.versions(),
    }


def _note(root: Path, result: dict[str, Any] | None) -> str:
    if result is not None:
        return str(result["note"])
    if (root / "data/images/meta.json").exists():
        from pipeline.imageset import ImageSet

        return ImageSet.open(root / "data/images").meta.note
    return ""


def _charts(root: Path) -> dict[str, str | None]:
    """The comparison's figures as data URIs, None for those that are not there."""
    found: dict[str, str | None] = {}
    for name in _CHARTS:
        path = root / "plots/compare" / f"{name}.png"
        found[name] = pictures.inline(path.read_bytes()) if path.exists() else None
    return found


def _says(result: dict[str, Any], parts: list[sizes.Part]) -> dict[str, str]:
    """What the comparison's figures say, for those who cannot see them."""
    return {
        "contrasts": alternatives.contrasts(parts),
        "arms": alternatives.arms(result, list(dict.fromkeys([result["primary"], "auc"]))),
        "confusion": alternatives.confusion(result),
        "roc": alternatives.roc(result),
        "reliability": alternatives.reliability(result),
        "subgroups": alternatives.subgroups(result),
    }


def _names(params: Params) -> dict[str, str]:
    """The measures by name, the one that decides first."""
    first = dict.fromkeys([params.compare.primary, "auc"])
    return {name: NAMES[name] for name in [*first, *(name for name in NAMES if name not in first)]}


def _code(text: str) -> str:
    """What stands between backticks as code, and all of it safe."""
    from markupsafe import Markup, escape

    pieces = [escape(piece) for piece in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if place % 2 else piece
        for place, piece in enumerate(pieces)
    )
