"""The command package: a trained family as a MONAI Bundle, which runs without this project."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Params
from pipeline.errors import DataError
from pipeline.new_directory import new_directory


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
    try:
        text = None if licence is None else licence.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(licence, f"is not a readable text file ({error})") from error
    with new_directory(directory) as half:
        write_bundle(params, root, family, model, half, text)
    return directory
