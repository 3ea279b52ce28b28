"""DVC, in each state."""

from __future__ import annotations

import fcntl
import shutil

import pytest

from pipeline.doctor import versioning

CHECKS = (versioning.cache, versioning.remote, versioning.index)


def setting(root, text):
    """Add to DVC's settings of this clone."""
    (root / ".dvc/config.local").write_text(text)


def test_a_clone_is_well(project):
    """Initialised, not locked, linked, no remote."""
    for check in (versioning.initialised, versioning.lock, versioning.cache, versioning.remote):
        assert check(project).state == "ok", check


def test_what_dvc_needs_is_asked_for(root, project):
    """Its directory first, then its pipeline; no check ends in an error without them."""
    (root / "dvc.yaml").unlink()
    assert "dvc.yaml" in versioning.initialised(project).said
    shutil.rmtree(root / ".dvc")
    assert versioning.initialised(project).mend.endswith("dvc init")
    assert {check(project).state for check in CHECKS} == {"problem"}
    assert versioning.lock(project).state == "ok"


def test_settings_that_cannot_be_read_are_a_problem(root, project):
    """No error of DVC's comes through."""
    setting(root, "[core\n")
    assert {check(project).state for check in CHECKS} == {"problem"}


def test_a_held_lock_is_said(root, project):
    """As DVC holds it while a command runs; what is left of one that ended is no matter."""
    path = root / ".dvc/tmp/lock"
    path.write_text(" 1234")
    assert versioning.lock(project).state == "ok"
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert versioning.lock(project).state == "warning"


@pytest.mark.parametrize(
    ("text", "state"), [("{}", "ok"), ('{"a": {}}', "warning"), ("{", "warning")]
)
def test_reserved_paths_are_said(text, state, root, project):
    """DVC's note of what a running stage reads and writes."""
    (root / ".dvc/tmp/rwlock").write_text(text)
    assert versioning.lock(project).state == state


def test_a_cache_that_cannot_link_is_said(project, monkeypatch):
    """As on another filesystem, where the link itself is refused."""

    def refuse(*_):
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(versioning, "_LINKS", {"hardlink": refuse, "symlink": refuse})
    found = versioning.cache(project)
    assert found.state == "warning" and "hardlink or symlink" in found.said


def test_trying_a_link_leaves_nothing_behind(root, project):
    """Neither in the project nor where the cache will be."""
    before = sorted(root.rglob("*"))
    versioning.cache(project)
    assert sorted(root.rglob("*")) == before


def test_remotes_need_a_default(root, project):
    """Without one `dvc push` does not know where to."""
    remote = "['remote \"lab\"']\n    url = /srv/lab\n"
    setting(root, remote)
    assert versioning.remote(project).state == "warning"
    setting(root, f"[core]\n    remote = lab\n{remote}")
    assert versioning.remote(project).said.startswith("lab is the default")


def test_an_index_that_others_can_read_is_said(root, project, tmp_path):
    """By the rights of its directory."""
    index = tmp_path / "index"
    index.mkdir(mode=0o700)
    setting(root, f"[core]\n    site_cache_dir = {index}\n")
    assert versioning.index(project).state == "ok"
    index.chmod(0o755)
    assert versioning.index(project).state == "warning"
