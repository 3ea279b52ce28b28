"""What ingest writes, refuses and never tells."""

import csv
import logging
import sys
import types
import warnings
from dataclasses import replace

import numpy as np
import pytest

from pipeline import config, tracking
from pipeline.errors import DataError, ParameterError, PipelineError
from pipeline.imageset import ImageSet
from pipeline.registry import SOURCES
from pipeline.sources import enrolment
from pipeline.sources.source import Broken, Scan, Settings
from pipeline.workflows import ingest

SECRETS = ("DOE^JANE", "Doe_Jane", "MRN-4711007", "19500317", "1950-03-17", "Saint Elsewhere")


class Given:
    """A source that yields what a test gives it."""

    class Options(config.Section):
        """None."""

    settings_of = Settings(("CT",), "HU", (-100.0, 200.0), -1024, 3071)
    items = ()

    def __init__(self, path, options, target):
        self.target = target

    def settings(self):
        """What the test set."""
        return self.settings_of

    def __len__(self):
        return len(self.items)

    def scans(self):
        """The test's items; an error is raised, a function is called."""
        for item in self.items:
            if isinstance(item, Exception):
                raise item
            yield item() if callable(item) else item


@pytest.fixture
def given(monkeypatch):
    """A fresh class of the source `given`, and no check of the other stages' parameters."""
    module = types.ModuleType("given_source")
    module.Given = type("Given", (Given,), {})
    monkeypatch.setitem(sys.modules, "given_source", module)
    monkeypatch.setitem(SOURCES.entries, "given", "given_source:Given")
    monkeypatch.setattr(config, "check_everything", lambda params: None)
    return module.Given


def params_of(source="given", split=None, **values):
    """Parameters whose section `ingest` has some values."""
    return config.parse(
        {
            "seed": 5,
            "ingest": {"source": source, "size": [4, 4], "positive_class": "b", **values},
            "split": split or {"folds": 2},
            "classify": {
                "arms": {"classical": {"recipe": "classical", "images": "data/augmented"}}
            },
        }
    )


def scan(number, label="a", **values):
    """A sound scan, but for some values."""
    image = np.arange(16).reshape(1, 4, 4) + number
    known = {"key": f"k{number}", "label": label, "patient": f"n{number}", "image": image}
    return Scan(**(known | values))


def scans(per_class=3, **values):
    """Sound scans of the classes a and b."""
    return [
        scan(10 * place + number, label, **values)
        for place, label in enumerate("ab")
        for number in range(per_class)
    ]


def quarantine(root):
    """The rows of data/quarantine.csv."""
    with (root / "data/quarantine.csv").open(newline="") as file:
        return list(csv.DictReader(file))


class Heard(tracking.NullRun):
    """Remembers metrics."""

    def metrics(self, values, step=None):
        """Remember."""
        self.values = dict(values)


def run(root, **values):
    """Ingest, and open what was written."""
    heard = Heard()
    ingest.run(params_of(**values), root, heard)
    return ImageSet.open(root / "data/images"), heard


def test_scans_become_rows_in_the_sources_order(given, tmp_path, capsys):
    """Pixels, labels, spacing, parts and attributes arrive; counts are told."""
    given.items = [
        scan(0, "b", spacing_mm=(1.5, 2.0), part="train", attributes={"size": 3, "shape": "round"}),
        *scans(),
    ]
    images, heard = run(tmp_path)
    assert images.dtype == np.int16 and images.shape == (1, 4, 4) and not images.has_masks
    for stored, item in zip(images.stored(), given.items, strict=True):
        np.testing.assert_array_equal(stored, item.image)
    rows = images.manifest
    assert list(rows["image_id"]) == [f"i{n:05d}" for n in range(1, 8)]
    assert list(rows["label"]) == ["b", "a", "a", "a", "b", "b", "b"]
    assert rows["spacing_mm"][0] == "1.5x2" and rows["official_part"][0] == "train"
    assert float(rows["size"][0]) == 3 and list(rows["shape"][:2]) == ["round", ""]
    assert rows["origin"].eq("real").all() and images.meta.positive_class == "b"
    assert heard.values["images_b"] == 4 and heard.values["patients"] == 6
    assert "7 images of 6 patients: a 3, b 4." in capsys.readouterr().out
    assert quarantine(tmp_path) == []


def test_the_phantom_goes_all_the_way(monkeypatch, tmp_path):
    """The default source makes a set with masks, its own classes and its note."""
    monkeypatch.setattr(config, "check_everything", lambda params: None)
    counts = {"cyst": 2, "metastasis": 2, "haemangioma": 2}
    images, _ = run(
        tmp_path, source="phantom", options={"lesions": counts}, positive_class=None, size=[16, 16]
    )
    assert images.has_masks and images.meta.note.startswith("Phantom")
    assert images.meta.classes == tuple(counts)
    assert images.meta.window == (-100, 200)


def test_the_whole_of_params_is_checked_before_the_scans(tmp_path):
    """A mistake of a late stage stops ingest before it has read or written anything."""
    with pytest.raises(ParameterError, match=r"ingest\.source"):
        ingest.run(params_of(source="given"), tmp_path, tracking.NullRun())
    wrong = params_of(source="phantom")
    wrong = wrong.model_copy(update={"train_gan": config.TrainGan(families=("dcgn",))})
    with pytest.raises(ParameterError, match=r"train_gan\.families"):
        ingest.run(wrong, tmp_path, tracking.NullRun())
    assert list(tmp_path.iterdir()) == []


def test_folders_that_may_be_patients_are_no_classes(given, tmp_path):
    """Unless they are listed, they are refused before anything is written or said of them."""
    folders = ("Doe_Jane", "Roe_John")
    given.settings_of = replace(given.settings_of, folders=folders)
    given.items = [replace(each, label=folders[each.label == "b"]) for each in scans()]
    with pytest.raises(ParameterError, match=r"ingest\.classes: is null") as caught:
        run(tmp_path, positive_class="Doe_Jane")
    assert not any(name in str(caught.value) for name in folders)
    assert not list(tmp_path.rglob("*.csv"))
    images, _ = run(tmp_path, classes=list(folders), positive_class="Doe_Jane")
    assert images.meta.classes == folders
    given.settings_of = replace(given.settings_of, folders=("benign", "malignant"))
    given.items = scans()
    assert len(run(tmp_path)[0]) == 6


def test_columns_that_compare_will_ask_for_are_checked(given, tmp_path, monkeypatch):
    """Not hours later: a misspelt covariate stops the run where columns become known."""
    given.items = [
        replace(each, attributes={"diameter_mm": number}) for number, each in enumerate(scans())
    ]
    params = params_of()
    for covariate, words in (("diameter_mm", None), ("diametr_mm", "choose among diameter_mm")):
        changed = params.compare.model_copy(update={"covariates": (covariate,)})
        asked = params.model_copy(update={"compare": changed})
        if words is None:
            ingest.run(asked, tmp_path, Heard())
            continue
        with pytest.raises(ParameterError, match=words):
            ingest.run(asked, tmp_path, Heard())


class TestPseudonyms:
    """Patients keep together and lose their names."""

    def test_a_patient_has_one_pseudonym(self, given, tmp_path):
        """Scans share a pseudonym exactly where they share a patient."""
        given.items = [scan(n, "ab"[n % 2], patient=f"n{n // 2}") for n in range(8)]
        patients = run(tmp_path)[0].manifest["patient_id"]
        assert patients.str.fullmatch(r"p\d{4}").all()
        assert [patients.eq(one).sum() for one in patients.unique()] == [2, 2, 2, 2]

    def test_pseudonyms_are_repeatable_and_not_in_order(self, given, tmp_path):
        """The same scans give the same table; numbers do not follow the source's order."""
        given.items = scans(10)
        first = run(tmp_path / "1")[0].manifest
        again = run(tmp_path / "2")[0].manifest
        assert first.equals(again)
        assert list(first["patient_id"]) != sorted(first["patient_id"])

    def test_no_patient_means_one_each_and_is_noted(self, given, tmp_path):
        """Without identifiers every image is a group of its own, and every output says so."""
        given.items = scans(patient=None)
        images, _ = run(tmp_path)
        assert images.manifest["patient_id"].nunique() == 6
        assert ingest.NO_PATIENTS in images.meta.note

    def test_keys_are_told_to_who_asks(self, given, tmp_path):
        """`keys` finds the scan of an item and of an image, and writes nothing."""
        given.items = [Broken("dir/bad.png", "is truncated"), *scans()]
        found = ingest.keys(params_of(), tmp_path)
        assert found["item-00001"] == "dir/bad.png" and "i00001" not in found
        assert found["item-00002"] == found["i00002"] == "k0"
        assert list(tmp_path.iterdir()) == []


class TestQuarantine:
    """Broken scans are set aside one by one, until there are too many."""

    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ({"label": " "}, "no label"),
            ({"image": np.zeros((1, 4, 5))}, "shape"),
            ({"image": np.full((1, 4, 4), np.nan)}, "NaN"),
            ({"image": np.full((1, 4, 4), 7)}, "constant"),
            ({"image": np.arange(16).reshape(1, 4, 4) + 900}, "constant within the window"),
            ({"image": np.arange(16).reshape(1, 4, 4) * 1e5}, "outside"),
            ({"image": np.array([["x"] * 4] * 4)[None]}, "not numbers"),
            ({"spacing_mm": (1.0,)}, "spacing"),
            ({"part": "fold1"}, "official part"),
        ],
    )
    def test_a_bad_scan_is_named_and_left_out(self, given, tmp_path, values, reason):
        """The item's position and a reason are written; the others are kept."""
        given.items = [*scans(6)[:4], scan(99, **values), *scans(6)[4:]]
        images, heard = run(tmp_path)
        assert len(images) == 12 and heard.values["quarantined"] == 1
        (row,) = quarantine(tmp_path)
        assert row["item"] == "item-00005" and reason in row["reason"]
        assert "i00005" not in set(images.manifest["image_id"])

    @pytest.mark.parametrize(
        ("mask", "reason"),
        [
            (None, "no mask"),
            (np.zeros((1, 4, 4), np.uint8), "empty"),
            (np.ones((1, 4, 3), np.uint8), "shape"),
        ],
    )
    def test_masks_are_required_of_all_or_none(self, given, tmp_path, mask, reason):
        """Where the source says that scans have masks, one without is broken."""
        given.settings_of = replace(Given.settings_of, masks=True)
        good = np.eye(4, dtype=np.uint8)[None] * 255
        given.items = [*scans(6, mask=good), scan(99, mask=mask)]
        images, _ = run(tmp_path)
        assert set(np.unique(images.masks())) == {0, 1}
        assert reason in quarantine(tmp_path)[0]["reason"]

    def test_too_many_stop_the_run_and_are_all_listed(self, given, tmp_path):
        """The error counts, gives the commonest reason and what to do; no set is left to use."""
        given.items = [*scans(), Broken("1", "is truncated"), Broken("2", "is truncated")]
        with pytest.raises(PipelineError, match=r"2 of 8 .*is truncated.*max_quarantined"):
            run(tmp_path)
        assert [row["item"] for row in quarantine(tmp_path)] == ["item-00007", "item-00008"]
        with pytest.raises(DataError):
            ImageSet.open(tmp_path / "data/images")
        assert len(run(tmp_path, max_quarantined=0.25)[0]) == 6

    def test_all_broken_is_an_error_at_any_share(self, given, tmp_path):
        """Nothing usable cannot be a set."""
        given.items = [Broken("1", "is truncated")]
        with pytest.raises(PipelineError, match="no scan is left"):
            run(tmp_path, max_quarantined=1.0)


class TestClasses:
    """What ingest asks of the classes."""

    def test_an_order_is_kept_and_others_are_left_out(self, given, tmp_path):
        """`ingest.classes` orders and chooses; a class not asked for is no broken scan."""
        given.items = [*scans(), scan(77, "c")]
        images, heard = run(tmp_path, classes=["b", "a"], max_quarantined=0.0)
        assert images.meta.classes == ("b", "a") and len(images) == 6
        assert heard.values["left_out"] == 1
        assert quarantine(tmp_path)[0]["reason"] == enrolment.LEFT_OUT

    @pytest.mark.parametrize(
        ("values", "place"),
        [
            ({"positive_class": None}, r"ingest\.positive_class: is required"),
            ({"positive_class": "x"}, r"ingest\.positive_class: got 'x'; choose one of a, b"),
            ({"classes": ["a", "a"]}, r"ingest\.classes"),
            ({"classes": ["a", "b", "z"]}, "'z' has 0 usable scans"),
            ({"split": {"folds": 4}}, "at least 4"),
            ({"split": {"scheme": "official"}}, r"split\.scheme"),
        ],
    )
    def test_wrong_classes_are_refused(self, given, tmp_path, values, place):
        """Each mistake names its parameter and leaves no set to use."""
        given.items = scans()
        with pytest.raises(PipelineError, match=place):
            run(tmp_path, **values)
        assert not (tmp_path / "data/images/meta.json").exists()

    def test_one_class_is_not_enough(self, given, tmp_path):
        """A classifier needs two."""
        given.items = scans()[:3]
        with pytest.raises(DataError, match="all 3 scans are of the class 'a'"):
            run(tmp_path, positive_class=None)

    def test_an_empty_source_is_refused(self, given, tmp_path):
        """No scans at all is a wrong path."""
        with pytest.raises(ParameterError, match=r"ingest\.path"):
            run(tmp_path)


class TestNothingIdentifies:
    """A planted name, number, birth date and hospital show nowhere."""

    def check(self, root, capsys, caplog, *texts):
        """Look for the secrets in all files, their names, the terminal, logs and other texts."""
        captured = capsys.readouterr()
        written = [path for path in root.rglob("*") if path.is_file()]
        contents = [path.read_bytes() for path in written] + [str(p).encode() for p in written]
        said = [
            captured.out.encode(),
            captured.err.encode(),
            caplog.text.encode(),
            *(text.encode() for text in texts),
        ]
        for secret in SECRETS:
            assert not any(secret.lower().encode() in text.lower() for text in contents + said)

    def planted(self, number, label):
        """A scan of somebody, whose decoder talks."""

        def decode():
            warnings.warn(f"odd header of {SECRETS[0]}", stacklevel=1)
            logging.getLogger("decoder").error("cannot read %s", SECRETS[2])
            return scan(
                number,
                label,
                key=f"Saint Elsewhere/Doe_Jane_19500317/{number}.dcm",
                patient="DOE^JANE MRN-4711007" if number % 2 else f"other {number}",
            )

        return decode

    def test_in_keys_patients_and_reasons(self, given, tmp_path, capsys, caplog):
        """Files and the terminal hold pseudonyms, though a decoder warns and a reason quotes."""
        key = "Saint Elsewhere/Doe_Jane_19500317/9.dcm"
        reason = f"cannot decode {key}: Doe_Jane_19500317, born 1950-03-17 or 17.03.1950"
        given.items = [self.planted(n, "ab"[n % 2]) for n in range(12)] + [Broken(key, reason)]
        images, _ = run(tmp_path)
        assert len(images) == 12
        assert "cannot decode" in quarantine(tmp_path)[0]["reason"]
        self.check(tmp_path, capsys, caplog)

    @pytest.mark.parametrize(
        "attributes",
        [
            {"who": "doe^jane mrn-4711007"},
            {"who": "seen: DOE^JANE MRN-4711007, twice"},
            {"file": "scan-77.dcm"},
            {"when": "1950-03-17"},
            {"when": 19500317.0},
            {"PatientBirthDate": "?"},
            {"Institution Name": "Saint Elsewhere"},
            {"label": "a"},
        ],
    )
    def test_in_attributes(self, given, tmp_path, capsys, caplog, attributes):
        """A column that repeats the patient or the file, or holds dates, stops the run unnamed."""
        values = {"patient": "DOE^JANE MRN-4711007", "key": "Saint Elsewhere/scan-77.dcm"}
        given.items = [*scans(), scan(50, attributes=attributes, **values)]
        with pytest.raises(PipelineError, match="attribute") as caught:
            run(tmp_path)
        self.check(tmp_path, capsys, caplog, str(caught.value))

    @pytest.mark.parametrize(
        "attributes", [{"lobe": 4}, {"lobe": "4"}, {"shape": "n4"}, {"y": 1950}]
    )
    def test_harmless_attributes_pass(self, given, tmp_path, attributes):
        """A short number that equals a patient's by chance is no identifier."""
        given.items = [*scans(), scan(50, patient="4", attributes=attributes)]
        assert len(run(tmp_path)[0]) == 7

    def test_in_labels(self, given, tmp_path, capsys, caplog):
        """A label column that holds patients stops the run."""
        given.items = [*scans(), scan(50, "DOE^JANE MRN-4711007", patient="DOE^JANE MRN-4711007")]
        with pytest.raises(DataError, match="label") as caught:
            run(tmp_path)
        self.check(tmp_path, capsys, caplog, str(caught.value))

    @pytest.mark.parametrize("label", ["Doe_Jane", "of doe, jane", "4711 JANET", "Saint Elsewhere"])
    def test_in_labels_that_repeat_a_header(self, given, tmp_path, capsys, caplog, label):
        """A folder of a patient that is taken for a class stops the run, whatever its ID is."""
        names = ("DOE^JANE", "DOE", "JANET", "Saint Elsewhere")
        given.items = [*scans(), scan(50, label, identifiers=names)]
        with pytest.raises(DataError, match="label") as caught:
            run(tmp_path)
        self.check(tmp_path, capsys, caplog, str(caught.value))

    def test_in_attributes_that_repeat_a_header(self, given, tmp_path, capsys, caplog):
        """The column is named and its value is not."""
        wrong = scan(50, attributes={"who": "seen: Doe, Jane"}, identifiers=("DOE^JANE",))
        given.items = [*scans(), wrong]
        with pytest.raises(DataError, match="'who'") as caught:
            run(tmp_path)
        self.check(tmp_path, capsys, caplog, str(caught.value))

    def test_in_classes_of_one_patient_each(self, given, tmp_path, capsys, caplog):
        """Folders named after patients are no classes, even where no header repeats the name."""
        labels = ("Doe_Jane", "MRN-4711007")
        given.items = [scan(n, labels[n % 2], patient=f"n{n % 2}") for n in range(12)]
        with pytest.raises(DataError, match="single patient") as caught:
            run(tmp_path)
        self.check(tmp_path, capsys, caplog, str(caught.value))

    def test_in_an_error_that_a_source_lets_out(self, given, tmp_path, capsys, caplog):
        """Only the error's kind is told, and no context carries its text on."""
        given.items = [*scans(), OSError("no file Saint Elsewhere/DOE^JANE/19500317.dcm")]
        with pytest.raises(PipelineError, match=r"item-00007 with a OSError") as caught:
            run(tmp_path)
        assert caught.value.__suppress_context__
        self.check(tmp_path, capsys, caplog, str(caught.value))
