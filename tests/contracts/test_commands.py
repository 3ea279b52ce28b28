"""What every command of `python -m pipeline` promises; a new command is tested by being there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline import config
from pipeline.cli import app
from pipeline.errors import DataError
from pipeline.workflows import export

PAGE = Path(__file__).parents[2] / "docs/command-line.md"
PROGRAM = "python -m pipeline"
EXAMPLE = re.compile(rf"Example: ({PROGRAM} .+)")
ROOT = typer.main.get_command(app)


def commands(group=ROOT, *above):
    """Every command by the words that call it, groups opened."""
    found = {}
    for name, command in group.commands.items():
        words = (*above, name)
        inner = hasattr(command, "commands")
        found |= commands(command, *words) if inner else {" ".join(words): command}
    return found


COMMANDS = commands()


def example_of(name):
    """The line that a command's help gives as its example."""
    found = EXAMPLE.findall(COMMANDS[name].help or "")
    assert len(found) == 1, f"the docstring of {name!r} needs one line 'Example: {PROGRAM} ...'"
    return found[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_its_help_holds_an_example_of_itself(name):
    """The terminal shows the example whole, and it calls this command and no other."""
    example = example_of(name)
    assert f"{example} ".startswith(f"{PROGRAM} {name} ")
    wide = {"COLUMNS": "200", "TERMINAL_WIDTH": "200"}
    shown = CliRunner().invoke(app, [*name.split(), "--help"], prog_name=PROGRAM, env=wide)
    assert shown.exit_code == 0
    assert example in shown.output


@pytest.mark.parametrize("name", COMMANDS)
def test_its_example_is_understood(name):
    """Every option of the example exists, and what must be given is."""
    words = shlex.split(example_of(name))[3 + len(name.split()) :]
    COMMANDS[name].make_context(name, words)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_tells_of_it(name):
    """docs/command-line.md has a heading for the command, what it does, and its example."""
    page = PAGE.read_text(encoding="utf-8")
    first = COMMANDS[name].help.partition("\n")[0]
    section = f"## {name}\n\n{first}\n\n    {example_of(name)}\n"
    assert section in page, f"add to {PAGE.name}:\n\n{section}"


def test_the_page_tells_of_no_other():
    """A command that is gone is gone from the page."""
    headings = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(COMMANDS)


@pytest.mark.parametrize("call", ["use", "no-such-command", "sample x --count 0", "new thing x"])
def test_a_wrong_call_ends_as_the_page_says(call):
    """In its usage line and exit status 2; every other mistake ends in 1."""
    ended = CliRunner().invoke(app, call.split(), prog_name=PROGRAM)
    assert ended.exit_code == 2
    assert f"Usage: {PROGRAM}" in ended.output
    page = " ".join(PAGE.read_text(encoding="utf-8").partition("\n## ")[0].split())
    assert "A mistake ends in one sentence and exit status 1." in page
    assert re.search(r"called wrongly \(.+\) ends in its usage line, .+ exit status 2\.", page)


@pytest.mark.parametrize("command", ["families", "family-page", "gpu-check"])
def test_a_list_of_families_that_names_none_is_refused(command):
    """It is not taken for all of them, which is what no list at all means."""
    ended = CliRunner().invoke(app, [command, " ,"])
    assert isinstance(ended.exception, DataError)
    assert str(ended.exception) == "FAMILIES: got ' ,'; name at least one"


def test_exports_go_where_the_pages_say(monkeypatch):
    """Without `--out` to a folder that git ignores, beside DVC's own."""
    asked = []
    monkeypatch.setattr(config, "load", lambda _: None)
    monkeypatch.setattr(export, "by_hand", lambda *given, **_: asked.append(given[3]) or [])
    assert CliRunner().invoke(app, ["export", "dcgan"]).exit_code == 0
    assert asked == [Path("exported/dcgan")]
    for page in (PAGE, PAGE.with_name("exports.md")):
        assert "`exported/<name>/<format>" in page.read_text(encoding="utf-8")
    ignored = ["git", "check-ignore", "--quiet", "exported/dcgan/png"]
    assert subprocess.run(ignored, cwd=PAGE.parents[1], check=False).returncode == 0
