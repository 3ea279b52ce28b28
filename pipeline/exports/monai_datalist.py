"""A MONAI (Decathlon) datalist over NIfTI files in the stored unit.

`datalist.json` has a list `training` of all images, and for each fold a list
`training_<fold>`, e.g. `training_r0f1g0`, of those that its training patients alone made:
`monai.data.load_decathlon_datalist` reads either. An entry is `{"image", "label", "class",
"trained_on", "selected"}`, where `label` is the class index, or the mask's file where the images
have masks (then `class` alone is the label, as Decathlon's segmentation tasks expect).

Entries have no `fold`: MONAI takes one for "validate on it in that fold", and trains on all other
folds' entries, which here would be images that the validated patients helped to make. Without it
`datafold_read` trains on an entry whatever the fold, so the list to add to a fold's own is that
fold's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO, Any, ClassVar

from pipeline.config import Section
from pipeline.exports.card import LEAKS
from pipeline.exports.export import Sample, Shipment, file_name
from pipeline.exports.facts import PURPOSE
from pipeline.exports.folder import Folder
from pipeline.exports.nifti import NiftiOptions, nifti_ending, save_pair
from pipeline.splits import parse_fold


class MonaiDatalist:
    """The export `monai_datalist`."""

    Options: ClassVar[type[Section]] = NiftiOptions
    opening: ClassVar[str] = """\
from monai.data import load_decathlon_datalist
entries = load_decathlon_datalist("datalist.json", {segmentation}, "training_{fold}")
image, label = entries[0]["image"], entries[0]["class"]"""

    def __init__(self, options: NiftiOptions) -> None:
        self._options = options

    def write(self, shipment: Shipment, folder: Folder) -> None:
        """Write `images/`, `masks/` where there are masks, and `datalist.json`."""
        axes, ending = shipment.axes, nifti_ending(self._options.compressed)
        for sample in shipment.samples():
            save_pair(sample, folder, axes, ending)
        with folder.file("datalist.json") as path, path.open("w", encoding="utf-8") as file:
            self._list(shipment, file)

    def _list(self, shipment: Shipment, file: IO[str]) -> None:
        """Write the JSON, entry by entry."""
        folds = list(dict.fromkeys(images.root.name for images in shipment.sets))
        file.write("{\n")
        for key, value in _about(shipment, folds).items():
            file.write(f"{_json(key)}: {_json(value)},\n")
        # `training` comes last, so that a fold's list may not end the file with a comma.
        for fold in folds:
            mine = (each for each in shipment.samples() if each.trained_on == fold)
            self._entries(f"training_{file_name(fold)}", mine, shipment, file)
            file.write(",\n")
        self._entries("training", shipment.samples(), shipment, file)
        file.write("\n}\n")

    def _entries(
        self, key: str, samples: Iterable[Sample], shipment: Shipment, file: IO[str]
    ) -> None:
        file.write(f"{_json(key)}: [")
        between = "\n"
        for sample in samples:
            file.write(f"{between}  {_json(self._entry(sample, shipment))}")
            between = ",\n"
        file.write("\n]")

    def _entry(self, sample: Sample, shipment: Shipment) -> dict[str, object]:
        ending = nifti_ending(self._options.compressed)
        index = shipment.meta.classes.index(sample.label)
        mask = f"masks/{sample.stem}{ending}"
        return {
            "image": f"images/{sample.stem}{ending}",
            "label": mask if shipment.has_masks else index,
            "class": index,
            "trained_on": sample.trained_on,
            "selected": sample.selected,
        }


def _about(shipment: Shipment, folds: list[str]) -> dict[str, Any]:
    """What Decathlon tells of a set, and which list is which fold's."""
    meta = shipment.meta
    return {
        "name": f"synthetic-{shipment.facts.name}",
        "description": " ".join(part for part in (meta.note, PURPOSE, LEAKS) if part),
        "licence": shipment.facts.licence,
        "labels": {str(index): name for index, name in enumerate(meta.classes)},
        "modality": {str(index): name for index, name in enumerate(meta.channels)},
        "unit": meta.unit,
        "window": list(meta.window),
        "numTraining": len(shipment),
        "numTest": 0,
        "folds": {fold: _fold(fold) for fold in folds},
    }


def _fold(name: str) -> dict[str, str | int | None]:
    """Where a fold's entries are, and which fold it is where its name says so."""
    numbers = parse_fold(name) or ()
    known = dict(zip(("repeat", "fold", "gan_seed"), numbers, strict=False))
    return {"list": f"training_{file_name(name)}", **known}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
