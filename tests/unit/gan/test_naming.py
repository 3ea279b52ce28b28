"""Class names as file names."""

from __future__ import annotations

import re

from pipeline.gan.naming import file_name


def test_file_names_are_safe_and_distinct():
    """Odd characters, reserved names and long names; classes that differ keep differing."""
    assert file_name(None) == "all"
    assert file_name("cyst") == "cyst"
    names = ["a/b", "a:b", "..", "all", "All", "\u00e9", "x" * 300, "x" * 301, "a b"]
    made = [file_name(name) for name in names]
    assert len({name.lower() for name in made} | {"all"}) == len(names) + 1
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name) for name in made)
