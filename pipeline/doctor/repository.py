"""git: a repository, and whether results can be traced to a commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pipeline.doctor.finding import Finding, Project, ok, problem, warning

_ABSENT = 127


def commit(project: Project) -> Finding:
    """Whether this is a repository with a commit, and nothing changed since."""
    inside = git(project.root, "rev-parse", "--is-inside-work-tree")
    if inside.returncode == _ABSENT:
        return problem("git is not installed", "install it; DVC needs it")
    if inside.returncode != 0:
        mend = "work in a clone, or: git init && git add . && git commit -m Start"
        return problem("not a git repository", mend)
    head = git(project.root, "rev-parse", "--short", "HEAD")
    if head.returncode != 0:
        return warning("no commit yet", "git add . && git commit -m Start")
    changed = git(project.root, "status", "--porcelain").stdout.splitlines()
    if changed:
        said = f"{len(changed)} files changed since {head.stdout.strip()}"
        return warning(said, "commit them, so that runs in MLflow name the code that made them")
    return ok(f"at {head.stdout.strip()}, nothing changed since")


def git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Ask git; status 127 where it is not installed."""
    command = ["git", *words]
    try:
        return subprocess.run(
            command, cwd=root, capture_output=True, text=True, check=False, timeout=20
        )
    except (FileNotFoundError, NotADirectoryError):
        return subprocess.CompletedProcess(command, _ABSENT, "", "")
