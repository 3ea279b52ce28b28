"""The pseudonym of a patient can be found again, by whoever holds the scans."""

from __future__ import annotations

from pipeline import config
from pipeline.imageset import ImageSet
from pipeline.sources import enrolment
from pipeline.sources.source import Scan
from pipeline.tracking import NullRun
from pipeline.workflows import ingest

PARAMS = config.parse(
    {
        "seed": 3,
        "ingest": {
            "source": "phantom",
            "size": [8, 8],
            # The second class is left out, so that not every scan gives its patient a number.
            "classes": ["cyst", "haemangioma"],
            "positive_class": "cyst",
            "options": {
                "lesions": {"cyst": 9, "metastasis": 9, "haemangioma": 9},
                "patients": 12,
            },
        },
        "classify": {"arms": {}},
    }
)


def test_identifiers_lead_to_the_pseudonyms_that_ingest_gave(tmp_path, monkeypatch):
    """Scan by scan, with scans left out between."""
    monkeypatch.setattr(config, "check_everything", lambda params: None)
    params = PARAMS.model_copy(update={"split": config.Split(folds=2)})
    ingest.run(params, tmp_path, NullRun())
    manifest = ImageSet.open(tmp_path / "data/images").manifest.set_index("image_id")
    found = enrolment.patients(params, tmp_path)
    source = enrolment.open_source(params, tmp_path)
    seen = {}
    for number, scan in enumerate(source.scans(), 1):
        assert isinstance(scan, Scan)
        if f"i{number:05d}" in manifest.index:
            seen[scan.patient] = manifest.loc[f"i{number:05d}", "patient_id"]
    assert len(manifest) < len(source)
    assert found == seen
