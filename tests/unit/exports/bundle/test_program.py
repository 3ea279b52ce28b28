"""Which files a bundle's program is made of, and their copy under another name."""

from __future__ import annotations

import ast

import pytest

from pipeline.exports.bundle.program import copy_program, program_of, renamed


def test_renames_imports_and_registry_entries_alone():
    """Words, other packages and ordinary texts stay as they are."""
    text = (
        "# The pipeline.\n"
        "from pipeline import errors\n"
        'é = "pipeline.gan"; from pipeline.errors import DataError\n'
        "from pipelines import other\n"
        'ENTRIES = {"a": "pipeline.gan.families.dcgan:Dcgan"}\n'
        "def late():\n"
        "    from pipeline.gan.family import (\n        Batch,\n    )\n"
    )
    assert renamed(text, "own") == (
        "# The pipeline.\n"
        "from own import errors\n"
        'é = "pipeline.gan"; from own.errors import DataError\n'
        "from pipelines import other\n"
        'ENTRIES = {"a": "own.gan.families.dcgan:Dcgan"}\n'
        "def late():\n"
        "    from own.gan.family import (\n        Batch,\n    )\n"
    )


def test_refuses_what_binds_the_old_name():
    """`import pipeline.errors` leaves the name `pipeline` in the text."""
    with pytest.raises(ValueError, match="line 2: write"):
        renamed("\nimport pipeline.errors\n", "own")


def test_follows_imports_to_their_end():
    """What a module imports is in, with its packages; what only the type checker reads is not."""
    program = program_of(["pipeline.gan.naming", "pipeline.tensorfile"])
    assert program.modules == (
        "pipeline",
        "pipeline.errors",
        "pipeline.gan",
        "pipeline.gan.naming",
        "pipeline.tensorfile",
    )
    assert program.required == {"safetensors", "torch"}
    # seeding names torch for the type checker and inside a function.
    assert program_of(["pipeline.seeding"]).required == {"numpy"}


def test_imports_inside_functions_count():
    """Srgan's perceptual network imports its training where it is fitted."""
    modules = program_of(["pipeline.gan.families.srgan"]).modules
    assert "pipeline.classifier.training" in modules
    assert "pipeline.gan.families.dcgan" not in modules


def test_the_copy_names_nothing_of_the_original(tmp_path):
    """No import of `pipeline` is left in any file, and all files parse."""
    program = program_of(["pipeline.exports.bundle.inference", "pipeline.gan.families.stackgan"])
    copy_program(program, tmp_path, "own")
    files = sorted((tmp_path / "own").rglob("*.py"))
    assert len(files) == len(program.modules)
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                assert node.module.partition(".")[0] != "pipeline", path
    assert (tmp_path / "own/registry.py").read_text().count('"pipeline.') == 0


def test_the_digest_is_of_the_content():
    """The same roots give the same digest, others another."""
    one, again, other = (
        program_of([name]).digest
        for name in ("pipeline.errors", "pipeline.errors", "pipeline.seeding")
    )
    assert one == again != other
