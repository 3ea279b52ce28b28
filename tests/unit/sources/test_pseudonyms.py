"""Identifiers, their parts and dates are found; ordinary words and numbers are left alone."""

import pytest

from pipeline.errors import PipelineError
from pipeline.sources import pseudonyms
from pipeline.sources.source import Scan


@pytest.mark.parametrize(
    ("reason", "identifier", "left"),
    [
        ("cannot open a/doe_jane.png", "a/doe_jane.png", "cannot open ..."),
        ("DOE_JANE is truncated", "a/doe_jane.png", "... is truncated"),
        ("patient 4711007 has no label", "x/scan-4711007-b.dcm", "patient ... has no label"),
        ("missing image: no such file", "image/abcd.nii", "missing image: no such file"),
        ("a b c 1 2 3", "1/2/3", "a b c 1 2 3"),
        ("born 1950-03-17, 19500317, 17.3.1950", "k", "born ..., ..., ..."),
        (
            "expected (1, 2000, 1950) of 20190 values",
            "k",
            "expected (1, 2000, 1950) of 20190 values",
        ),
        ("in C:\\scans\\Doe J\\1.dcm", "C:\\scans\\Doe J\\1.dcm", "in ..."),
    ],
)
def test_reasons_are_scrubbed(reason, identifier, left):
    """Whole keys, their folders, stems and numbers go, in any case; so do dates."""
    assert pseudonyms.scrubbed(reason, identifier) == left


def test_a_place_is_scrubbed_as_a_whole_only():
    """The directory given by ingest.path goes; its parts may be ordinary words."""
    reason = "no such thing in /home/doe/scans of all scans"
    assert pseudonyms.scrubbed(reason, places=["/home/doe/scans"]) == (
        "no such thing in ... of all scans"
    )


def test_numbers_are_drawn_from_those_possible():
    """As many pseudonyms as patients, each within the capacity, and wide enough to sort."""
    names = pseudonyms.Pseudonyms(10_000, seed=1)
    given = [names.of(str(number % 500)) for number in range(1000)]
    assert len(set(given)) == 500 and given[:500] == given[500:]
    assert all(len(name) == 6 and 1 <= int(name[1:]) <= 10_000 for name in given)
    assert names.identifiers == tuple(map(str, range(500)))


def test_pseudonyms_depend_on_the_seed():
    """Another seed deals other numbers."""
    deal = [[pseudonyms.Pseudonyms(100, seed).of(p) for p in "abc"] for seed in (1, 1, 2)]
    assert deal[0] == deal[1] != deal[2]


def scan(**values) -> Scan:
    """A scan of a patient whose number a table made a float."""
    known = {"key": "a/mass.png", "label": "mass", "patient": "12345", "image": None}
    return Scan(**(known | values))


@pytest.mark.parametrize("value", [12345.0, 12345, "12345", "id 12345", " 12345 "])
def test_a_number_is_an_identifier_however_it_is_typed(value):
    """A patient's number is found as text, whole number or float."""
    with pytest.raises(PipelineError, match=r"item-1.*'note'"):
        pseudonyms.check_values(scan(attributes={"note": value}), "item-1")


@pytest.mark.parametrize("value", [1234, 0.12345, 123450, "", "mass effect", 19.5, None])
def test_other_numbers_and_words_are_none(value):
    """Values that merely resemble an identifier, a file's name or a date pass."""
    pseudonyms.check_values(scan(attributes={"note": value}), "item-1")


def test_a_label_may_be_called_as_its_file():
    """`mass/mass.png` is of the class mass."""
    pseudonyms.check_values(scan(), "item-1")


@pytest.mark.parametrize(
    "name", ["PatientName", "patient_id", "Patient's Name", "Birth date", "INSTITUTION", "sha256"]
)
def test_columns_that_identify_are_refused_by_name(name):
    """Whatever they hold."""
    with pytest.raises(PipelineError):
        pseudonyms.check_names({name: ""})


@pytest.mark.parametrize("name", ["age", "sex", "diameter_mm", "spiculation", "patients_view"])
def test_other_columns_pass(name):
    """Words about the lesion or the patient at large."""
    pseudonyms.check_names({name: ""})
