"""All checks together: what they promise, and what is printed."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.doctor import examination
from pipeline.doctor.finding import ok, problem, warning
from pipeline.workflows import doctor


def printed(root, **options):
    """What the terminal shows, and whether all is well."""
    text = io.StringIO()
    well = doctor.run(root, console=Console(file=text, width=110), **options)
    return text.getvalue(), well


@pytest.fixture
def checks(monkeypatch):
    """Puts checks of the test's own in the place of the real ones."""

    def put(*findings):
        made = tuple(
            ("part", f"check {number}", lambda _, found=found: found)
            for number, found in enumerate(findings)
        )
        monkeypatch.setattr(examination, "CHECKS", made)

    return put


def test_each_check_has_a_name_of_its_own():
    """Subject and check together, as JSON has them."""
    names = [(subject, name) for subject, name, _ in examination.CHECKS]
    assert len(set(names)) == len(names)


def test_a_sound_project_has_no_problem(root):
    """Every real check on it, none of which breaks, and a mend wherever there is one to make."""
    answers = list(examination.examine(root))
    assert len(answers) == len(examination.CHECKS)
    for answer in answers:
        if answer.subject != "packages":  # of the machine that the test runs on
            assert answer.finding.state != "problem", answer
        assert (answer.finding.state == "ok") == (answer.finding.mend == "")


def test_a_directory_that_is_no_project_stops_no_check(tmp_path):
    """Every check answers, some with a problem, none with an error of Python's."""
    answers = list(examination.examine(tmp_path))
    assert len(answers) == len(examination.CHECKS)
    assert not [answer for answer in answers if "could not be looked at" in answer.finding.said]
    assert any(answer.finding.state == "problem" for answer in answers)


def test_a_check_that_breaks_is_a_problem_without_its_text(tmp_path, monkeypatch):
    """The text of an error may name a file of scans."""

    def broken(_):
        raise OSError("/data/DOE^JANE.dcm")

    monkeypatch.setattr(examination, "CHECKS", (("part", "check", broken),))
    text, well = printed(tmp_path)
    assert not well and "OSError" in text and "DOE" not in text


def test_warnings_are_no_reason_to_stop(checks, tmp_path):
    """What was found and what to do are both shown."""
    checks(ok("fine"), warning("a little", "do this"))
    text, well = printed(tmp_path)
    assert well
    assert all(word in text for word in ("fine", "a little", "do this", "1 ok, 1 warning"))


def test_a_problem_is(checks, tmp_path):
    """It is counted."""
    checks(problem("gone", "find it"), problem("lost", "seek it"))
    text, well = printed(tmp_path)
    assert not well and "2 problems" in text


def test_json_is_for_machines(checks, tmp_path):
    """One object a check, whatever the width."""
    checks(warning("a little [bold]" + "x" * 300, "do this"))
    text, _ = printed(tmp_path, as_json=True)
    (only,) = json.loads(text)
    assert only["state"] == "warning" and only["said"].endswith("x" * 300)
    assert set(only) == {"subject", "check", "state", "said", "mend"}


@pytest.mark.parametrize(("found", "status"), [(warning("a", "b"), 0), (problem("a", "b"), 1)])
def test_the_exit_status_tells_scripts(found, status, checks):
    """Only a problem is a failure."""
    checks(found)
    assert CliRunner().invoke(app, ["doctor", "--json"]).exit_code == status
