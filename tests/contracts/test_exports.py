"""Every export keeps every selected image, checks out, and is the same twice."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from pipeline.config import load, parse
from pipeline.imageset import ImageSet, ImageSetWriter, Meta
from pipeline.registry import EXPORTS
from pipeline.tracking import NullRun
from pipeline.workflows import export as workflow

ROOT = Path(__file__).parents[2]


def synthetic_set(root: Path, *, size: tuple[int, ...], channels: int = 1) -> ImageSet:
    """Six images of two classes in HU, one of them not selected, with masks."""
    meta = Meta(("cyst", "a/b"), ("CT",) * channels, "HU", (-100.0, 200.0), note="Phantom.")
    rng = np.random.default_rng(0)
    with ImageSetWriter(
        root, meta, capacity=6, shape=(channels, *size), dtype=np.int16, masks=True
    ) as writer:
        for index in range(6):
            writer.add(
                rng.integers(-100, 200, (channels, *size)),
                image_id=f"dcgan-r0f0g0-{index:05d}",
                label=meta.classes[index % 2],
                patient_id="synthetic",
                origin="dcgan",
                mask=np.ones(size),
                selected=index != 3,
                spacing_mm=(0.7,) * len(size),
            )
    return ImageSet.open(root)


@pytest.mark.parametrize("name", list(EXPORTS))
@pytest.mark.parametrize(("size", "channels"), [((8, 8), 1), ((8, 8), 3), ((8, 8, 6), 1)])
def test_an_export_holds_what_was_selected(
    name: str, size: tuple[int, ...], channels: int, tmp_path: Path
) -> None:
    """Five of six images leave, and two exports of one set have equal bytes."""
    images = synthetic_set(tmp_path / "r0f0g0", size=size, channels=channels)
    write = EXPORTS.load(name)
    for copy in ("first", "second"):
        (tmp_path / copy).mkdir()
        assert write([images], tmp_path / copy) == 5
    names = [p.relative_to(tmp_path / "first") for p in sorted((tmp_path / "first").rglob("*.*"))]
    assert names
    for relative in names:
        first, second = ((tmp_path / copy / relative).read_bytes() for copy in ("first", "second"))
        assert first == second, relative


# MONAI warns that its optional GPU decoder for DICOM is absent; these files are NIfTI.
@pytest.mark.filterwarnings("ignore:NvImgCodecPydicomReader:UserWarning")
def test_monai_reads_the_datalist_and_the_unit_survives(tmp_path: Path) -> None:
    """MONAI's own loader finds every image, and HU, spacing and masks come back as they were."""
    from monai.data import load_decathlon_datalist
    from monai.transforms import LoadImage

    images = synthetic_set(tmp_path / "r0f0g0", size=(8, 8, 6))
    (tmp_path / "out").mkdir()
    EXPORTS.load("monai_datalist")([images], tmp_path / "out")
    listing = str(tmp_path / "out" / "datalist.json")
    entries = load_decathlon_datalist(listing, is_segmentation=True)
    assert len(entries) == 5
    read = LoadImage(image_only=True)(entries[0]["image"])
    assert np.array_equal(np.asarray(read), images.stored([0])[0, 0])
    assert np.allclose(np.diag(read.affine.numpy())[:3], 0.7)
    assert np.asarray(LoadImage(image_only=True)(entries[0]["label"])).min() == 1


def test_the_workflow_writes_every_format_with_true_checksums(tmp_path: Path) -> None:
    """SHA256SUMS covers every file, and a file left over from before is gone."""
    values = YAML(typ="safe").load(ROOT / "params.yaml")
    params = parse(values)
    assert load(ROOT / "params.yaml") == params
    synthetic_set(tmp_path / "data/synthetic/dcgan/r0f0g0", size=(8, 8))
    stale = tmp_path / "exports/dcgan/old.txt"
    stale.parent.mkdir(parents=True)
    stale.write_text("left over")
    workflow.run(params, tmp_path, "dcgan", NullRun())
    assert not stale.exists()
    for name in params.export.formats:
        directory = tmp_path / "exports" / "dcgan" / name
        sums = dict(
            reversed(line.split("  ", 1))  # type: ignore[misc]
            for line in (directory / "SHA256SUMS").read_text().splitlines()
        )
        files = {p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file()}
        assert set(sums) == files - {"SHA256SUMS"}
        for file, digest in sums.items():
            assert hashlib.sha256((directory / file).read_bytes()).hexdigest() == digest
    datalist = tmp_path / "exports/dcgan/monai_datalist/datalist.json"
    assert "Phantom." in json.loads(datalist.read_text())["note"]
