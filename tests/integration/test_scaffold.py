"""What `python -m pipeline new` writes passes its contract tests, ruff and mypy as it stands."""

from __future__ import annotations

import sys

import pytest

from tests import tiny_clone

# The shortest and the longest name: neither may change how lines are wrapped.
NAMES = {"family": "z2", "source": "a_name_of_twenty_cha", "recipe": "my_recipe"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the project with one new part of each kind."""
    made = tiny_clone.make(tmp_path_factory.mktemp("scaffold") / "clone")
    for kind, name in NAMES.items():
        said = made.run(sys.executable, "-m", "pipeline", "new", kind, name)
        assert f"/{name}.py" in said and "Next:" in said
    return made


def changed(clone):
    """The files that are new or changed, relative to the clone."""
    said = clone.run("git", "status", "--porcelain", "--untracked-files=all")
    return [line[3:] for line in said.splitlines()]


def test_what_is_written_is_what_is_said(clone):
    """Seven new files and the registry, nothing else."""
    files = changed(clone)
    assert len(files) == 8 and "pipeline/registry.py" in files
    assert all(any(name in file for name in NAMES.values()) for file in set(files[1:]))


@pytest.mark.slow
def test_its_style_and_its_types_are_right(clone):
    """ruff, its formatter and mypy --strict find nothing, whatever the length of the name."""
    files = changed(clone)
    clone.run("ruff", "check", *files)
    clone.run("ruff", "format", "--check", *files)
    typed = [file for file in files if file.startswith("pipeline/")]
    clone.run(sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", *typed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NAMES)
def test_its_contract_tests_pass_unchanged(clone, kind):
    """Those of its kind that name it, and the tests that came with it."""
    name = NAMES[kind]
    contracts = {
        "family": ["test_families.py", "test_families_in_stages.py", "test_dependencies.py"],
        "source": ["test_sources.py", "test_dependencies.py"],
        "recipe": ["test_recipes.py", "test_dependencies.py"],
    }
    files = [f"tests/contracts/{file}" for file in contracts[kind]]
    own = [file for file in changed(clone) if file.endswith(f"test_{name}.py")]
    assert own
    clone.run(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *own)
    chosen = f"{name} or used_file or idle or differ_in_one_thing"
    said = clone.run(
        sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", chosen, *files
    )
    assert " passed" in said and "failed" not in said and "skipped" not in said
