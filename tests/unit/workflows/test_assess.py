"""Assessment tells a good generator from a bad one and a copy, beside the floor."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline.config import Params, parse
from pipeline.errors import LeakError
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.tracking import NullRun
from pipeline.workflows import assess

ROOT = Path(__file__).parents[3]
META = Meta(("bright", "dark"), ("CT",), "HU", (-100.0, 200.0), positive_class="dark")


def parameters() -> Params:
    """The project's parameters, at a test's size."""
    values = YAML(typ="safe").load(ROOT / "params.yaml")
    values["compute"].update(device="cpu", workers=1)
    values["assess"].update(embedding_steps=40, floor_repeats=10, copies={"pairs_shown": 3})
    values["assess"]["features"] = ["fold_embedding", "radiomics", "lesion"]
    return parse(values)


def blob(label: int, rng: np.random.Generator) -> np.ndarray:
    """A noisy disc, brighter or darker than its ground, of varying place and size."""
    grid = np.stack(np.meshgrid(np.arange(16), np.arange(16)))
    centre, radius = rng.uniform(6, 10, (2, 1, 1)), rng.uniform(2, 5)
    disc = np.hypot(*(grid - centre)) < radius
    return 50 + disc[None] * (60.0 if label == 0 else -60.0) + rng.normal(0, 15, (1, 16, 16))


def write_set(root: Path, images: list[np.ndarray], origin: str, prefix: str) -> None:
    """Images of alternating classes as an ImageSet."""
    with ImageSetWriter(
        root, META, capacity=len(images), shape=(1, 16, 16), dtype=np.int16
    ) as writer:
        for index, image in enumerate(images):
            writer.add(
                np.rint(image),
                image_id=f"{prefix}{index:04d}",
                label=META.classes[index % 2],
                patient_id=f"p{index:04d}" if origin == "real" else "synthetic",
                origin=origin,
            )


def project(root: Path, synthetic: str) -> dict[str, Any]:
    """A project of 160 images in one fold, with a generator of a kind; returns its assessment."""
    rng = np.random.default_rng(0)
    real = [blob(index % 2, rng) for index in range(160)]
    write_set(root / "data/images", real, "real", "i")
    part = ["train"] * 80 + ["val"] * 20 + ["test"] * 60
    ids = [f"i{index:04d}" for index in range(160)]
    frame = pd.DataFrame({"image_id": ids, "group_id": ids, "repeat": 0, "fold": 0, "part": part})
    frame.assign(train_patients="all").to_csv(root / "data/splits.csv", index=False)
    made = {
        "fresh": [blob(index % 2, rng) for index in range(80)],
        "noise": [rng.normal(50, 60, (1, 16, 16)) for _ in range(80)],
        "copies": real[:80],
    }[synthetic]
    write_set(root / "data/synthetic/dcgan/r0f0g0", made, "dcgan", "dcgan-")
    assess.run(parameters(), root, "dcgan", NullRun())
    document: dict[str, Any] = json.loads((root / "metrics/assess/dcgan.json").read_text())
    assert json.loads((root / "metrics/fidelity/dcgan.json").read_text()) == document["mean"]
    return document["folds"]["r0f0g0"]


@pytest.fixture(scope="module")
def assessments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What assessment says of each kind of generator."""
    kinds = ("fresh", "noise", "copies")
    return {kind: project(tmp_path_factory.mktemp(kind), kind) for kind in kinds}


def test_noise_is_far_above_the_floor_and_fresh_images_are_not(
    assessments: dict[str, dict[str, Any]],
) -> None:
    """The kernel distance of noise dwarfs that of images of the same distribution."""
    noise, fresh = (assessments[kind]["all"]["kid"] for kind in ("noise", "fresh"))
    assert noise["value"] > 10 * abs(noise["floor_high"])
    assert fresh["value"] < noise["value"] / 10
    assert assessments["noise"]["all"]["precision"]["value"] < 0.5
    assert assessments["fresh"]["all"]["precision"]["value"] > 0.8


def test_copies_are_nearer_to_training_than_held_out_patients(
    assessments: dict[str, dict[str, Any]],
) -> None:
    """Every copy is nearer than the nearest held-out images; few fresh images are."""
    assert assessments["copies"]["all"]["share_near_training"] > 0.95
    # 80 images at 5% against a quantile of 60: 4 standard errors of both are about 15%.
    assert assessments["fresh"]["all"]["share_near_training"] < 0.20


def test_only_the_copies_are_found_to_be_copies(assessments: dict[str, dict[str, Any]]) -> None:
    """Every copy is named; neither fresh images nor noise are."""
    copies, fresh, noise = (assessments[kind]["copies"] for kind in ("copies", "fresh", "noise"))
    assert copies["copying"] is True
    assert copies["named"] == 80
    assert (fresh["copying"], noise["copying"]) == (False, False)
    assert (fresh["named"], noise["named"]) == (0, 0)


def test_every_class_has_its_figures(assessments: dict[str, dict[str, Any]]) -> None:
    """All and each class are reported, on the count that they could be compared on."""
    assert set(assessments["fresh"]) == {"all", "bright", "dark", "features", "copies"}
    assert all("ms_ssim" in assessments["fresh"][group] for group in ("all", "bright", "dark"))
    assert assessments["fresh"]["all"]["images"] == 45


def test_further_extractors_have_their_figures_where_they_apply(
    assessments: dict[str, dict[str, Any]],
) -> None:
    """Radiomics sees noise too; what needs masks says nothing of images without."""
    further = assessments["noise"]["features"]
    assert set(further) == {"radiomics"}
    assert set(further["radiomics"]) == {"all", "bright", "dark"}
    figures = further["radiomics"]["all"]
    assert figures["frechet"]["value"] > 5 * figures["frechet"]["floor_high"]
    assert figures["c2st_accuracy"]["value"] > 0.95
    assert figures["c2st_accuracy"]["floor"] == pytest.approx(0.5, abs=0.25)
    assert figures["c2st_p"]["value"] < 1e-3


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two runs write equal files, pictures included."""
    found = []
    for name in ("first", "second"):
        project(tmp_path / name, "fresh")
        files = [tmp_path / name / "metrics/assess/dcgan.json"]
        files += [tmp_path / name / "plots/assess/dcgan/pairs_r0f0g0.png"]
        found.append([file.read_bytes() for file in files])
    assert found[0] == found[1]


def test_a_generator_of_held_out_parents_is_refused(tmp_path: Path) -> None:
    """A synthetic image that names a test row as its parent is a leak."""
    project(tmp_path, "fresh")
    root = tmp_path / "data/synthetic/dcgan/r0f0g0"
    manifest = pd.read_csv(root / "manifest.csv", dtype=str, keep_default_na=False)
    manifest.loc[3, "parent_ids"] = "i0150"
    manifest.to_csv(root / "manifest.csv", index=False)
    assert len(ImageSet.open(root)) == 80
    with pytest.raises(LeakError, match="i0150"):
        assess.run(parameters(), tmp_path, "dcgan", NullRun())
