"""The page that a person looks at: one self-contained HTML file.

Everything is inlined, and the page's own content policy forbids it to load anything, so it can be
mailed, archived and opened behind any firewall. Same inputs, same bytes: no dates, no paths.
To add a section: a function in `contents`, a line in `render`, a block in page.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.config import Params
from pipeline.report import contents, pictures, wording
from pipeline.report.card import data_card
from pipeline.report.plots import NAMES

TESTS = {
    "corrected_t": "corrected resampled t-test over folds",
    "clustered_bootstrap": "paired bootstrap over patients",
    "delong": "DeLong's test",
    "delong_clustered": "DeLong's test, clustered by patient",
    "mcnemar_mid_p": "McNemar's mid-p test",
    "mcnemar_exact": "McNemar's exact test",
    "mcnemar_clustered": "McNemar's test, clustered by patient",
}


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
    environment.filters["figure"] = _figure
    environment.filters["signed"] = _signed
    environment.filters["p_value"] = _p_value
    result = contents.comparison(root)
    return environment.get_template("page.html").render(
        title=params.report.title,
        style=(here / "page.css").read_text(encoding="utf-8"),
        result=result,
        note=_note(root, result),
        warning=wording.size_warning(result["demonstration_reasons"]) if result else "",
        phantom=params.ingest.source == "phantom",
        arms=contents.arms(params, result) if result else [],
        covariates=contents.covariates(result) if result else [],
        charts=_charts(root),
        names=NAMES,
        tests=TESTS,
        images=contents.image_sets(params, root),
        fidelity=contents.fidelity(params, root),
        trainings=contents.trainings(params, root),
        card=data_card(root),
        parameters=contents.parameters(params),
        versions=contents.versions(),
    )


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
    for name in ("contrasts", "arms", "confusion", "roc"):
        path = root / "plots/compare" / f"{name}.png"
        found[name] = pictures.inline(path.read_bytes()) if path.exists() else None
    return found


def _figure(value: object) -> str:
    """A number in three significant places or three decimals, whichever reads better."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.3f}" if 0.001 <= abs(value) < 10 or value == 0 else f"{value:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
