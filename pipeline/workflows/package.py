"""The command package: a trained family as a MONAI Bundle, which runs without this project."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.config import Params
from pipeline.errors import DataError


def run(
    params: Params,
    root: Path,
    family: str,
    model: str = "r0f0g0",
    out: Path | None = None,
    licence: Path | None = None,
) -> Path:
    """Write a bundle and return its directory.

    Args:
        params: See `write_bundle`.
        root: The project's root.
        family: A trained family.
        model: Whose: the fold and GAN seed.
        out: A directory that is not there yet; packages/<family>-<model> by default.
        licence: A text file about the training images, to go with the weights; by default what
            `ingest.licence` says.

    Raises:
        DataError: If the directory is there, the licence is not, or the family is not trained.
    """
    from pipeline.exports.bundle.writing import write_bundle

    directory = root / (out or Path("packages") / f"{family}-{model}")
    if directory.exists():
        raise DataError(directory, "is there already and stays as it is; choose another with --out")
    try:
        text = None if licence is None else licence.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(licence, f"is not a readable text file ({error})") from error
    half = directory.with_name(f".{directory.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    try:
        write_bundle(params, root, family, model, half, text)
        half.rename(directory)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return directory
