"""Every page of the documentation is in its table of contents, and a built page fetches nothing."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

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
