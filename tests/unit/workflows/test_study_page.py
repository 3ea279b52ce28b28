"""The page about a study says what the run found, at each size, with its pictures beside it."""

from __future__ import annotations

import itertools
import json
import re

import pytest

from pipeline.errors import DataError
from pipeline.tracking import NullRun
from pipeline.workflows import compare, study_page
from tests.simulated_run import add_generators, make_run, parameters
from tests.simulated_study import CAUGHT, FINDING, SIZES, extend

SKILLS = {"real": 1.0, "classical": 1.5, "classical+synthetic": 3.0}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished study."""
    root = make_run(tmp_path_factory.mktemp("run"), SKILLS, patients=30, note="Made up.")
    add_generators(root)
    compare.run(parameters(), root, NullRun())
    return extend(root)


@pytest.fixture(scope="module")
def page(study):
    """Its page."""
    out = study / "docs/study.md"
    (study / "docs/study").mkdir(parents=True)
    (study / "docs/study/about.md").write_text("## What did not help\n\nMore of *everything*.\n")
    study_page.run(parameters(), study, out)
    return out


def test_the_contrast_is_told_at_each_size(study, page):
    """Interval, p, corrected p, verdict and effect size, as the comparison has them."""
    text = page.read_text()
    sizes = json.loads((study / "metrics/comparison.json").read_text())["sizes"]
    for size in SIZES:
        row = next(each for each in sizes[size]["contrasts"] if each["family"] == "headline")
        line = next(
            each
            for each in text.splitlines()
            if each.startswith(f"| {size} | classical+synthetic | classical |")
        )
        assert f"**{row['verdict']}**" in line
        assert f"{row['difference']:+.3f}" in line
        assert "0.800 (0.100 to 1.500)" in line
        assert f"- {row['sentence']}" in text
        assert f"### With {size} training patients" in text
    assert "is as good as classical with 38 patients" in text


def test_every_part_is_there(page):
    """From the question to the copies, in this order; what somebody wrote ends the page."""
    text = page.read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == [
        "The question", "The data", "The design", "The answer", "All arms", "How many patients",
        "How many synthetic images to a real one", "How many added images", "Calibration",
        "Subgroups", "Real and synthetic images", "Fidelity", "Is it a copy?",
        "What did not help",
    ]  # fmt: skip
    assert text.endswith("## What did not help\n\nMore of *everything*.\n")
    for sentence in ("**Made up.**", FINDING, CAUGHT, "size of a demonstration"):
        assert sentence in text


def test_tables_are_even(page):
    """Every row of a table has as many cells as its head."""
    lines = page.read_text().splitlines()
    for above, line in itertools.pairwise(lines):
        if line.startswith("|") and above.startswith("|"):
            assert line.count("|") == above.count("|")


def test_pictures_lie_beside_the_page(page):
    """Each is named once and is there; the figures hold no single classifiers."""
    named = re.findall(r"!\[.+\]\((.+)\)", page.read_text())
    assert len(named) == len(set(named)) > 10
    assert "conditional of 25 training patients:" in page.read_text()
    assert all((page.parent / path).exists() for path in named)
    figures = json.loads((page.parent / "study/figures.json").read_text())
    assert "runs" not in figures
    assert all("runs" not in part for part in figures["sizes"].values())
    assert set(figures["assess"]) == {"conditional", "dcgan"}


def test_same_bytes_again_and_no_path(study, page):
    """No date and no place gets in, and what somebody wrote stays."""
    before = page.read_text()
    study_page.run(parameters(), study, page)
    assert page.read_text() == before
    assert str(study) not in before


def test_a_run_of_one_size_has_a_page_too(tmp_path):
    """Without curves, generators or further sizes: what is there is told, nothing is made up."""
    root = make_run(tmp_path, SKILLS, patients=30)
    compare.run(parameters(), root, NullRun())
    study_page.run(parameters(), root, root / "study.md")
    headings = re.findall(r"^## (.+)$", (root / "study.md").read_text(), re.MULTILINE)
    assert "All arms" in headings
    assert not {"Fidelity", "Is it a copy?", "How many added images"} & set(headings)


def test_without_a_comparison_there_is_no_page(tmp_path):
    """The error says what to run."""
    with pytest.raises(DataError, match="dvc repro"):
        study_page.run(parameters(), tmp_path, tmp_path / "study.md")
