"""DVC: initialised, not locked, and a cache that links instead of copying."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.doctor.finding import Finding, Project, ok, problem, warning

_INIT = "work in a clone of the project, or: dvc init"
_LINKS: Mapping[str, Callable[[Path, Path], None]] = {"hardlink": os.link, "symlink": os.symlink}


def initialised(project: Project) -> Finding:
    """Whether DVC can be used here at all."""
    if not (project.root / ".dvc").is_dir():
        return problem("not a DVC repository", _INIT)
    if not (project.root / "dvc.yaml").is_file():
        return problem("dvc.yaml is missing", "run from the project's root")
    return ok("a DVC repository")


def lock(project: Project) -> Finding:
    """Whether another DVC command is running, or one that was killed left its mark."""
    held = _held(project.root / ".dvc/tmp/lock") or _reserved(project.root / ".dvc/tmp/rwlock")
    if held:
        mend = "wait for it; if no dvc is running: rm .dvc/tmp/rwlock .dvc/tmp/lock"
        return warning("another DVC command holds the repository", mend)
    return ok("no other DVC command is running")


def cache(project: Project) -> Finding:
    """Whether DVC's cache can link to the project's files, so that no image lies there twice."""
    settings = _config(project.root)
    if settings is None:
        return problem("DVC's settings cannot be read", _INIT)
    place = _cache_directory(project.root, settings)
    kinds = settings["cache"].get("type") or ["reflink", "copy"]
    kinds = kinds.split(",") if isinstance(kinds, str) else list(kinds)
    linked = [kind for kind in kinds if kind in _LINKS and links(place, project.root, kind)]
    if linked:
        return ok(f"links to the project's files ({linked[0]})")
    if "reflink" in kinds:
        return ok("reflinks where the filesystem can, else copies")
    return warning(
        f"cannot link to the project's files by {' or '.join(kinds)}: every image lies twice",
        "put the cache on the project's filesystem: dvc cache dir --local <directory>",
    )


def remote(project: Project) -> Finding:
    """Whether results can be pushed to others."""
    settings = _config(project.root)
    if settings is None:
        return problem("DVC's settings cannot be read", _INIT)
    names = list(settings.get("remote", {}))
    if not names:
        return ok("none; to share results: dvc remote add -d <name> <where>")
    default = settings["core"].get("remote")
    if default is None:
        return warning(
            f"{len(names)} remotes, none of them the default", "dvc remote default <name>"
        )
    return ok(f"{default} is the default of {len(names)}")


def index(project: Project) -> Finding:
    """Whether DVC keeps its index, which lists the names of scans, where others cannot read it."""
    settings = _config(project.root)
    if settings is None:
        return problem("DVC's settings cannot be read", _INIT)
    place = Path(settings["core"].get("site_cache_dir") or "/var/tmp/dvc")
    nearest = next((path for path in (place, *place.parents) if path.exists()), Path("/"))
    if nearest == place and not place.stat().st_mode & 0o007:
        return ok("DVC's index of file names is yours alone")
    mend = "mkdir -p -m 700 ~/.cache/dvc-index; dvc config --local core.site_cache_dir <that>"
    return warning("others on this machine may read the names of your scans' files", mend)


def links(cache_directory: Path, root: Path, kind: str) -> bool:
    """Try whether a link of a kind can be made from the cache into the project."""
    nearest = next(path for path in (cache_directory, *cache_directory.parents) if path.exists())
    try:
        with (
            tempfile.TemporaryDirectory(dir=nearest) as here,
            tempfile.TemporaryDirectory(dir=root, prefix=".doctor-") as there,
        ):
            source = Path(here) / "file"
            source.touch()
            _LINKS[kind](source, Path(there) / "link")
    except OSError:
        return False
    return True


def _config(root: Path) -> Any:
    """DVC's settings, all levels merged; None where they cannot be read."""
    from dvc.config import Config, ConfigError

    try:
        return Config(str(root / ".dvc")) if (root / ".dvc").is_dir() else None
    except ConfigError:
        return None


def _cache_directory(root: Path, settings: Any) -> Path:
    given = settings["cache"].get("dir")
    return (root / ".dvc" / given).resolve() if given else (root / ".dvc/cache").resolve()


def _held(path: Path) -> bool:
    """Whether a process holds DVC's lock file."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    if not path.is_file():
        return False
    with contextlib.suppress(PermissionError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _reserved(path: Path) -> bool:
    """Whether a running stage has reserved paths, as DVC notes in JSON."""
    try:
        return bool(json.loads(path.read_text(encoding="utf-8") or "{}"))
    except FileNotFoundError:
        return False
    except ValueError:
        return True
