"""The documentation: every page is listed, a built one fetches nothing, what it names exists."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from pipeline import config, registry

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
LEFT_OUT = {"about.md"}  # parts of generated pages


def listed(entries) -> set[str]:
    """The files of a table of contents, sections opened."""
    found = set()
    for entry in entries:
        for value in entry.values():
            found |= {value} if isinstance(value, str) else listed(value)
    return found


def test_every_page_is_listed():
    """What nobody can find is not documentation."""
    text = (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8")
    contents = listed(YAML(typ="safe").load(text)["nav"])
    pages = {
        path.relative_to(DOCS).as_posix()
        for path in DOCS.rglob("*.md")
        if path.name not in LEFT_OUT and path.parent.name not in ("families", "families-3d")
    }
    assert contents == pages


@pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None, reason="mkdocs is not installed (make docs)"
)
def test_builds_without_a_warning_and_fetches_nothing(tmp_path):
    """Hospital networks are closed: scripts, styles and fonts come with the site."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", str(tmp_path)],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    fetched = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"?(https?://[^\"> ]+)", page)
    assert fetched == []
    assert "Reading the verdict" in page


def texts() -> dict[str, str]:
    """README and the pages of the documentation, by path."""
    pages = [REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))]
    return {
        path.relative_to(REPOSITORY).as_posix(): path.read_text(encoding="utf-8") for path in pages
    }


def known(name: str) -> bool:
    """Whether a dotted name is a parameter; below a mapping whatever the user names is."""
    part: object = config.Params
    for key in name.split("."):
        if not (isinstance(part, type) and issubclass(part, BaseModel)):
            return True
        if key not in part.model_fields:
            return False
        part = part.model_fields[key].annotation
    return True


def test_parameters_that_pages_name_exist():
    """Who is told to change `section.parameter` finds it."""
    sections = "|".join(name for name in config.Params.model_fields if name != "seed")
    pattern = re.compile(rf"`((?:{sections})\.[A-Za-z0-9_.<>]+)`")
    named = {(page, name) for page, text in texts().items() for name in pattern.findall(text)}
    assert len(named) > 20
    assert sorted(each for each in named if not known(each[1])) == []


def test_options_of_every_family_that_pages_name_exist():
    """So do the options behind `train_gan.options.<family>`, which no section lists."""
    options = {
        option
        for name in registry.FAMILIES
        for option in registry.FAMILIES.load(name).Options.model_fields
    }
    pattern = re.compile(r"`train_gan\.options\.<family>\.([a-z_0-9]+)`")
    named = {(page, name) for page, text in texts().items() for name in pattern.findall(text)}
    assert named
    assert sorted(each for each in named if each[1] not in options) == []


@pytest.mark.parametrize("family", list(registry.FAMILIES))
def test_options_that_matter_exist(family):
    """The page of a family names options that the family has, or what these may be set to."""
    text = texts()[f"docs/families/{family}.md"]
    line = next(each for each in text.splitlines() if each.startswith("Options that matter:"))
    fields = registry.FAMILIES.load(family).Options.model_fields
    named = re.findall(r"`([a-z_0-9]+)`", re.sub(r"\([^)]*\)", "", line))
    assert named
    assert [name for name in named if name not in fields] == []
