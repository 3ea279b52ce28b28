"""Python and the pinned versions, each wrong once."""

from __future__ import annotations

from importlib import metadata

import numpy as np

from pipeline.doctor import packages


def test_an_old_python_is_a_problem(root, project):
    """What pyproject.toml asks for is what counts."""
    assert packages.python(project).state == "ok"
    path = root / "pyproject.toml"
    path.write_text(
        path.read_text().replace('requires-python = ">=3.11"', 'requires-python = ">=9"')
    )
    found = packages.python(project)
    assert found.state == "problem" and ">=9" in found.said and ">=9" in found.mend


def test_what_is_not_installed_is_a_problem(root, project):
    """It is named, and how to install it."""
    (root / "requirements.lock").write_text("# pinned\nno-such-package-here==1.0\n")
    found = packages.pinned(project)
    assert found.state == "problem"
    assert "no-such-package-here" in found.said and "requirements.lock" in found.mend


def test_another_version_is_a_warning(root, project):
    """The installed version is named; markers that do not hold are passed over."""
    lines = ("numpy==0.1", "no-such-package-here==1.0; sys_platform == 'nowhere'")
    (root / "requirements.lock").write_text("\n".join(lines))
    found = packages.pinned(project)
    assert found.state == "warning" and f"numpy {np.__version__}" in found.said


def test_a_build_for_a_device_is_the_version_that_it_is_a_build_of(root, project, monkeypatch):
    """2.13.0+cpu is 2.13.0."""
    (root / "requirements.lock").write_text("torch==2.13.0\n")
    monkeypatch.setattr(metadata, "version", lambda _: "2.13.0+cpu")
    assert packages.pinned(project).state == "ok"


def test_many_are_counted(root, project):
    """Five are named."""
    names = [f"no-such-package-{number}==1" for number in range(8)]
    (root / "requirements.lock").write_text("\n".join(names))
    assert packages.pinned(project).said.endswith("no-such-package-4 and 3 more")


def test_without_its_files_it_says_where_to_run(root, project):
    """Both checks name the file that they lack."""
    for name, check in (
        ("pyproject.toml", packages.python),
        ("requirements.lock", packages.pinned),
    ):
        (root / name).unlink()
        found = check(project)
        assert found.state == "problem" and name in found.said
