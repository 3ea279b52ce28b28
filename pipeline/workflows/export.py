"""Stage `export`: a generator's images leave the pipeline in every chosen format.

The images may be a family's or come from outside: all that is needed is data/synthetic/<name>.
Every format's folder has a data card and checksums.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from pipeline import tracking
from pipeline.config import Params, options_of
from pipeline.errors import DataError, choose_one_of
from pipeline.exports.card import write_card
from pipeline.exports.export import Export, Shipment
from pipeline.exports.facts import facts_of
from pipeline.exports.folder import Folder
from pipeline.imageset import ImageSet
from pipeline.registry import EXPORTS


def run(params: Params, root: Path, family: str, tracker: tracking.Run) -> None:
    """Write `exports/<family>/<format>/`, for every format of `export.formats`.

    Raises:
        DataError: If there are no synthetic images, or a format cannot hold them.
    """
    target = root / "exports" / family
    shutil.rmtree(target, ignore_errors=True)
    shipment = load(params, root, family)
    for name in tqdm(params.export.formats, desc=f"export {family}", unit="format"):
        ship(params, shipment, name, target / name)
        tracker.metrics({f"exported_{name}": float(len(shipment))})


def by_hand(
    params: Params,
    root: Path,
    name: str,
    out: Path,
    *,
    formats: Sequence[str] = (),
    everything: bool = False,
) -> list[Path]:
    """Export on request, outside DVC.

    Args:
        params: For the formats' options, and the formats where none are named.
        root: The project's root.
        name: A family, or a set from outside.
        out: Where a folder for each format is made.
        formats: Which.
        everything: Whether images that selection refused leave too.

    Returns:
        The folders: all of them, or with an error none.

    Raises:
        ParameterError: If params.yaml names an unknown format, or an option is wrong.
        DataError: If `formats` names an unknown one, there are no synthetic images, a format cannot
            hold them, or a folder is there already.
    """
    for each in formats:
        if each not in EXPORTS:
            raise DataError("--format", choose_one_of(each, EXPORTS))
    chosen = list(dict.fromkeys(formats or params.export.formats))
    for each in chosen:
        if (out / each).exists():
            raise DataError(out / each, "is there already; take it away, or name another folder")
    shipment = load(params, root, name, everything=everything)
    halves = {out / each: out / f".{each}.half" for each in chosen}
    try:
        for folder, half in halves.items():
            shutil.rmtree(half, ignore_errors=True)
            ship(params, shipment, folder.name, half)
        for folder, half in halves.items():
            half.rename(folder)
    except OSError as error:
        raise DataError(
            "--out", f"{str(out)!r} cannot be written to ({error.strerror}); choose another"
        ) from error
    finally:
        for half in halves.values():
            shutil.rmtree(half, ignore_errors=True)
    return list(halves)


def load(params: Params, root: Path, name: str, *, everything: bool = False) -> Shipment:
    """Open a generator's sets and gather what is known of them.

    Raises:
        DataError: If there are no synthetic images, or sets differ.
    """
    source = root / "data" / "synthetic" / name
    if Path(name).name != name or not source.is_dir():
        parent = root / "data" / "synthetic"
        there = sorted(path.name for path in parent.glob("*") if path.is_dir())
        raise DataError(
            f"data/synthetic/{name}",
            f"is not there; choose among {', '.join(there)}"
            if there
            else "is not there; run the stage synthesize",
        )
    sets = tuple(ImageSet.open(path.parent) for path in sorted(source.glob("*/meta.json")))
    if not sets:
        raise DataError(f"data/synthetic/{name}", "holds no images; run the stage synthesize")
    # What a set from outside was learnt from, nothing here says.
    here = name in params.train_gan.options
    facts = facts_of(params, root, name, trained_here=here, sets=sets)
    return Shipment(sets, facts, everything)


def ship(params: Params, shipment: Shipment, name: str, directory: Path) -> None:
    """Write one format, with its data card and checksums.

    Raises:
        ParameterError: If the format is unknown, or an option is wrong.
        DataError: If the format cannot hold the images.
    """
    kind: type[Export] = EXPORTS.load(name, "export.formats")
    values = params.export.options.get(name, {})
    export = kind(options_of(EXPORTS, name, values, f"export.options.{name}"))
    with Folder(directory) as folder:
        export.write(shipment, folder)
        write_card(shipment, folder, name, kind.opening)
