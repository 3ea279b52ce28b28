"""A directory that a command writes as a whole: whoever finds it finds all of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import DataError


@contextmanager
def new_directory(out: Path) -> Iterator[Path]:
    """Give a directory to write to, which takes its name when the block ends well.

    Args:
        out: What `--out` names, or what stands in for it.

    Yields:
        A name beside it, where nothing is yet.

    Raises:
        DataError: If it is there already or cannot be written to.
    """
    if out.exists():
        raise DataError(out, "is there already and stays as it is; choose another with --out")
    half = out.with_name(f".{out.name}.half")
    try:
        shutil.rmtree(half, ignore_errors=True)
        yield half
        half.rename(out)
    except OSError as error:
        raise DataError(
            "--out", f"{str(out)!r} cannot be written to ({error.strerror}); choose another"
        ) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
