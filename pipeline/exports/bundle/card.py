"""A bundle's model card: where it is from, what it is for, its limits, and how it was measured."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.exports.bundle.configs import Latents, summary
from pipeline.exports.facts import PURPOSE, UNKNOWN, Facts, figure_title
from pipeline.gan.generator import Format
from pipeline.imageset import ImageSet
from pipeline.registry import FAMILIES

_ALL = "all"
_SECTION = "Sources:"


@dataclass(frozen=True)
class Origin:
    """Where a generator comes from.

    Args:
        facts: What is known of the family.
        model: The fold and GAN seed.
        trained_on: Images and patients of each class that it learnt from.
        dvc_md5: DVC's hash of the family's models, or nothing where DVC did not make them.
        needs: What its images are made from, or nothing.
    """

    facts: Facts
    model: str
    trained_on: Mapping[str, tuple[int, int]]
    dvc_md5: str
    needs: str

    @property
    def family(self) -> str:
        """Its registry name."""
        return self.facts.name

    @property
    def found(self) -> Mapping[str, Any]:
        """What the stage assess found about the model; nothing where it has not run."""
        return self.facts.folds.get(self.model, {})


def origin_of(facts: Facts, model: str, training: ImageSet, dvc_md5: str, needs: str) -> Origin:
    """Count what a model learnt from; no id is kept."""
    real = training.manifest[training.manifest["origin"].eq("real")]
    counts = {
        label: (len(rows), int(rows["patient_id"].nunique()))
        for label in training.meta.classes
        for rows in [real[real["label"].eq(label)]]
    }
    return Origin(facts, model, counts, dvc_md5, needs)


def figures_of(found: Mapping[str, Any]) -> dict[str, float]:
    """Fidelity over all classes by metric, each with its floor under `<metric>_floor`."""
    figures: dict[str, float] = {}
    for name, each in found.get(_ALL, {}).items():
        if isinstance(each, Mapping):
            figures |= {name: each["value"], f"{name}_floor": each["floor"]}
        else:
            figures[name] = each
    return {name: float(value) for name, value in figures.items() if value is not None}


def card(origin: Origin, stored: Format, package: str, latents: Latents | None) -> str:
    """The text of docs/README.md, in Markdown."""
    sections = [
        _title(origin, stored),
        _use(origin, stored, package, latents),
        _provenance(origin, stored),
        _measured(origin.found),
        _limits(origin),
    ]
    return "\n\n".join(sections) + "\n"


def data_license(origin: Origin, given: str | None) -> str:
    """The text of docs/data_license.txt.

    Args:
        origin: For the kind of scans, and for `ingest.licence`.
        given: What the person who packs says, which comes first.
    """
    if given is not None:
        return given
    if origin.facts.licence != UNKNOWN:
        return f"Licence of the training images: {origin.facts.licence}\n"
    return (
        "The licence of the training images was not named when this was packed. Whoever passes "
        "the weights on has to find out first whether it allows that, and write it here "
        "(`ingest.licence` in params.yaml, or python -m pipeline package FAMILY --data-license "
        "FILE).\n"
    )


def _title(origin: Origin, stored: Format) -> str:
    note = f"\n\n{stored.meta.note}" if stored.meta.note else ""
    return (
        f"# Synthetic images: {origin.family}, {' or '.join(stored.meta.classes)}\n\n"
        f"{summary(FAMILIES.load(origin.family))}{note}"
    )


def _use(origin: Origin, stored: Format, package: str, latents: Latents | None) -> str:
    label = stored.meta.classes[-1]
    own = " --sources mine.npz" if origin.needs else ""
    given = ", sources='mine.npz'" if origin.needs else ""
    lines = _commands(label, own, latents)
    lines += [
        "```",
        "",
        "`images.npz` then holds `images` in the stored unit and `labels`, `labels.csv` each "
        "image's seed. `--output_format nifti` writes a file an image, `--device cuda` uses a "
        "GPU, and without `--label` all classes are made. In Python:",
        "",
        "```python",
        f"from {package}.exports.bundle.inference import open_bundle",
        "",
        f"images = [each.image for each in open_bundle({given[2:]}).make('{label}', 8, seed=3)]",
        "```",
        "",
        "Image i depends on the label, the seed and i alone. Bits are the same on the same kind "
        "of machine with the same versions.",
    ]
    if origin.needs:
        lines += [
            "",
            f"This generator makes images from {origin.needs}, which you give: an .npz file with "
            "`images` (N, C, *spatial) in the stored unit, `labels` (N,) and, where it needs "
            "them, `masks` (N, 1, *spatial). The column `made_from` names them.",
        ]
    return "\n".join(lines)


def _commands(label: str, own: str, latents: Latents | None) -> list[str]:
    """The block of commands, left open at its end."""
    lines = [
        "## Use",
        "",
        "In this directory, with the packages of `requirements.txt`:",
        "",
        "```sh",
        "python -m monai.bundle run --config_file configs/inference.json \\",
        f"  --label '{label}' --count 8 --seed 3 --output_dir eval{own}",
        "python -m monai.bundle verify_metadata --meta_file configs/metadata.json \\",
        "  --filepath configs/schema.json",
    ]
    if latents is not None:
        lines += [
            "python -m monai.bundle verify_net_in_out network_def \\",
            "  --meta_file configs/metadata.json --config_file configs/inference.json",
        ]
    return lines


def _provenance(origin: Origin, stored: Format) -> str:
    size = " x ".join(map(str, stored.shape[1:]))
    low, high = stored.meta.window
    lines = [
        "## Where it is from",
        "",
        f"- Family `{origin.family}`, model `{origin.model}` of its training run"
        + (f", DVC md5 `{origin.dvc_md5}`" if origin.dvc_md5 else ""),
        f"- Scans: {origin.facts.origin}",
        f"- Images of {size} pixels, {', '.join(stored.meta.channels)}, from {low:g} to {high:g} "
        f"{stored.meta.unit}, orientation {stored.meta.orientation}",
        *(
            f"- `{label}`: learnt from {images} images of {patients} patients"
            for label, (images, patients) in origin.trained_on.items()
        ),
    ]
    return "\n".join(lines + _references(origin.family))


def _references(family: str) -> list[str]:
    text = str(importlib.import_module(FAMILIES.load(family).__module__).__doc__)
    told = [part for part in text.split("\n\n") if part.startswith(_SECTION)]
    return [f"- Methods: {' '.join(part.removeprefix(_SECTION).split())}" for part in told]


def _measured(found: Mapping[str, Any]) -> str:
    if not found:
        return (
            "## How good it is\n\nNot measured: the stage `assess` had not run for this model "
            "when it was packed."
        )
    table = [
        "| figure | value | floor | from | to |",
        "| --- | --- | --- | --- | --- |",
        *(_row(name, each) for name, each in found.get(_ALL, {}).items()),
    ]
    return "\n".join(
        [
            "## How good it is",
            "",
            "The floor is the same figure of real images of held-out patients in the synthetic "
            "ones' place, equally many: its mean over draws, and from the 5th to the 95th "
            "percentile of them. Features are those of the stage `assess`.",
            "",
            *table,
            *_copies(found.get("copies") or {}),
        ]
    )


def _row(name: str, each: Any) -> str:
    cells: Sequence[Any] = [each, None, None, None]
    if isinstance(each, Mapping):
        cells = [each.get(key) for key in ("value", "floor", "floor_low", "floor_high")]
    texts = ["" if cell is None else f"{cell:.4g}" for cell in cells]
    return f"| {figure_title(name)} | {' | '.join(texts)} |"


def _copies(check: Mapping[str, Any]) -> list[str]:
    if not check:
        return ["", "Copies of training images were not looked for."]
    lines = ["", f"Copies of training images: {check.get('finding', '')}"]
    if "flagged_images" in check:
        lines.append(f"Images to look at one by one: {check['flagged_images']}.")
    return lines


def _limits(origin: Origin) -> str:
    lines = [
        "## What it is for, and what not",
        "",
        f"- {PURPOSE} Not for testing either: a classifier is tested on real patients.",
        "- Test with none of the patients that it learnt from: whatever of them is in the "
        "weights would be in the training as well.",
        "- It knows the scanners, the window and the patients that it learnt from, and what is "
        "rare among them it may never make.",
        "- The weights were fitted to real images and may hold traces of them; the check above "
        "looks for copies and cannot rule every trace out. Treat the weights as you must treat "
        "what was learnt from such scans.",
        "- No training image and no id of a patient or a scan is in this directory.",
    ]
    if origin.family == "ppca":
        lines.append(
            "- The weights of `ppca` are the mean of a class and the directions in which its "
            "images differ: sums of training images, from which images of few patients could be "
            "put together again."
        )
    if FAMILIES.load(origin.family).batches == "text":
        lines.append(
            "- The combinations of attributes that training images had, and how many had each, "
            "are in the weights' file. One that a single patient has can be told apart."
        )
    return "\n".join(lines)
