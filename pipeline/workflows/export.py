"""Stage `export`: a family's selected images leave the pipeline in every chosen format."""

from __future__ import annotations

import shutil
from pathlib import Path

from tqdm import tqdm

from pipeline import tracking
from pipeline.config import Params
from pipeline.errors import DataError
from pipeline.exports.export import write_checksums
from pipeline.imageset import ImageSet
from pipeline.registry import EXPORTS


def run(params: Params, root: Path, family: str, tracker: tracking.Run) -> None:
    """Write `exports/<family>/<format>/` with checksums, for every format of `export.formats`.

    Raises:
        DataError: If the family has no synthetic images.
    """
    source = root / "data" / "synthetic" / family
    sets = [ImageSet.open(path) for path in sorted(source.glob("r*f*g*")) if path.is_dir()]
    if not sets:
        raise DataError(f"data/synthetic/{family}", "holds no images; run the stage synthesize")
    target = root / "exports" / family
    shutil.rmtree(target, ignore_errors=True)
    for name in tqdm(params.export.formats, desc=f"export {family}", unit="format"):
        directory = target / name
        directory.mkdir(parents=True)
        count = EXPORTS.load(name, "export.formats")(sets, directory)
        write_checksums(directory)
        tracker.metrics({f"exported_{name}": float(count)})
