"""The stage report: one page from whatever is there."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from pipeline.errors import DataError
from pipeline.tracking import NullRun
from pipeline.workflows import compare, report
from tests.simulated_run import add_generators, make_run, parameters

SKILLS = {"real": 1.0, "classical": 1.5, "classical+synthetic": 3.0}
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Outline(HTMLParser):
    """Collects what the page is made of, and checks that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        """Note an element, and that it is open."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        """Close the innermost open element, which must be of this kind."""
        assert self._open.pop() == tag

    def of(self, tag: str) -> list[dict[str, str]]:
        """Attributes of all elements of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole run with its page."""
    root = make_run(
        tmp_path_factory.mktemp("run"), SKILLS, patients=60, repeats=2, note="A <phantom>."
    )
    add_generators(root)
    compare.run(parameters(), root, NullRun())
    report.run(parameters(), root, NullRun())
    return root


@pytest.fixture(scope="module")
def page(finished) -> str:
    """The page."""
    return (finished / "report/index.html").read_text()


def test_says_the_verdict_the_note_and_the_size(page):
    """Verdicts in words, the note escaped, and that it is a demonstration."""
    assert "improves the classifier" in page
    assert "A &lt;phantom&gt;." in page
    assert "size of a demonstration" in page
    for word in ("classical+synthetic", "Kernel distance", "balanced accuracy", "ends early"):
        assert word in page


def test_a_covariate_is_marked_and_explained(finished, page, tmp_path):
    """Its row is no arm's, and one sentence says what it means; without any, neither is there."""
    assert "alone, no image" not in page
    root = shutil.copytree(finished, tmp_path / "copy")
    path = root / "metrics/comparison.json"
    result = json.loads(path.read_text())
    result["covariates"] = {"diameter_mm": result["arms"]["real"]}
    path.write_text(json.dumps(result))
    report.run(parameters(), root, NullRun())
    text = (root / "report/index.html").read_text()
    outline = Outline(text)
    assert len([row for row in outline.of("tr") if row.get("class") == "alone"]) == 1
    assert text.count("diameter_mm alone, no image") == 1
    assert "tells about its class" in text


def test_needs_nothing_but_itself(page):
    """Every picture is inlined, nothing is linked or fetched, and the policy forbids it."""
    outline = Outline(page)
    images = outline.of("img")
    assert len(images) > 8
    assert all(image["src"].startswith("data:image/png;base64,") for image in images)
    assert not outline.of("script") and not outline.of("link") and not outline.of("iframe")
    assert all(link["href"].startswith("#") for link in outline.of("a"))
    without_pictures = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", page)
    assert "http://" not in without_pictures
    assert "https://" not in without_pictures
    assert "default-src 'none'" in page


def test_is_read_without_eyes_and_without_a_mouse(page):
    """Landmarks, alternative texts, header cells with scope, captions, targets for each link."""
    outline = Outline(page)
    assert outline.of("html")[0]["lang"] == "en"
    for landmark in ("header", "nav", "main", "footer"):
        assert len(outline.of(landmark)) == 1
    assert all(len(image["alt"]) > 20 for image in outline.of("img"))
    assert all(cell["scope"] in ("row", "col") for cell in outline.of("th"))
    assert len(outline.of("caption")) == len(outline.of("table"))
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in outline.of("a")} <= set(ids)
    labelled = {section["aria-labelledby"] for section in outline.of("section")}
    assert labelled <= set(ids)


def test_same_bytes_again(finished, page):
    """No date, path or order of chance gets into the page."""
    report.run(parameters(), finished, NullRun())
    assert (finished / "report/index.html").read_text() == page
    assert str(finished) not in page


def test_no_patient_is_named(page):
    """Not even pseudonyms are on the page."""
    text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", page)
    assert not re.search(r"\bp00\d\d\b|\bi000\d\d\b", text)


def test_nothing_there_yet(tmp_path):
    """Before any stage ran, each section says what to run."""
    report.run(parameters(), tmp_path, NullRun())
    text = (tmp_path / "report/index.html").read_text()
    Outline(text)
    for stage in ("ingest", "compare", "synthesize", "assess", "train_gan"):
        assert f"dvc repro {stage}" in text


@pytest.mark.parametrize(
    "missing",
    [
        "metrics/comparison.json",
        "metrics/assess",
        "plots",
        "models",
        "data/synthetic",
        "data/splits.csv",
        "data/duplicates.csv",
        "data/quarantine.csv",
    ],
)
def test_any_piece_may_be_missing(finished, tmp_path, missing):
    """A page with a gap beats no page."""
    root = shutil.copytree(finished, tmp_path / "copy")
    path = root / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    report.run(parameters(), root, NullRun())
    Outline((root / "report/index.html").read_text())


def test_broken_piece_is_named(finished, tmp_path):
    """A malformed file is an error with its name, not a page with wrong numbers."""
    root = shutil.copytree(finished, tmp_path / "copy")
    (root / "metrics/comparison.json").write_text("[]")
    with pytest.raises(DataError, match=r"comparison\.json"):
        report.run(parameters(), root, NullRun())
