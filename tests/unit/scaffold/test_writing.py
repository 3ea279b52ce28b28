"""What `new` writes has the name everywhere, and nothing that exists is touched."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.scaffold.parts import PARTS
from pipeline.scaffold.writing import LONGEST, REGISTRY, filled, write

ROOT = Path(__file__).parents[3]


@pytest.fixture
def root(tmp_path):
    """A project that holds a registry only."""
    (tmp_path / "pipeline").mkdir()
    shutil.copy(ROOT / REGISTRY, tmp_path / REGISTRY)
    return tmp_path


def everything(root):
    """Every file and what it holds."""
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_names_follow_from_one_another():
    """The file's name, the class's and a title."""
    assert filled("@name@ @Class@ @Title@", "wgan_gp2") == "wgan_gp2 WganGp2 Wgan gp2"


@pytest.mark.parametrize("kind", PARTS)
def test_the_registry_gains_one_line_and_keeps_the_others(kind, root):
    """The line is in its own registry, below the last entry; the layout stays."""
    before = (root / REGISTRY).read_text().splitlines()
    written = write(root, kind, "my_part")
    after = (root / REGISTRY).read_text().splitlines()
    (line,) = [line for line in after if "my_part" in line]
    assert [each for each in after if each != line] == before
    assert line.startswith('        "my_part": "pipeline.') and line.endswith('",')
    tree = ast.parse("\n".join(after))
    (block,) = [
        node
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == PARTS[kind].registry
    ]
    assert [key.value for key in block.value.args[1].keys][-1] == "my_part"
    assert all((root / path).is_file() for path in written)
    for path in written:
        assert not re.search("@(name|Class|Title)@", (root / path).read_text())


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("family", "MyGan", "small letters"),
        ("family", "my__gan", "small letters"),
        ("family", "../gan", "small letters"),
        ("family", "2gan", "small letters"),
        ("source", "class", "Python's"),
        ("source", "match", "Python's"),
        ("recipe", "a" * (LONGEST + 1), f"at most {LONGEST}"),
        ("family", "dcgan", "has 'dcgan' in FAMILIES"),
        ("source", "nifti", "has 'nifti' in SOURCES"),
        ("recipe", "mixup", "has 'mixup' in RECIPES"),
        ("family", "sampled", "class Sampled the template uses itself; choose another"),
        ("family", "shape", "class Shape the template"),
        ("source", "scan", "class Scan the template"),
        ("source", "any", "class Any the template"),
        ("source", "options", "class Options the template"),
        ("monitor", "my_part", "choose one of family, recipe, source"),
    ],
)
def test_what_is_wrong_or_taken_is_refused(kind, name, said, root):
    """A sentence, and not a byte is changed."""
    before = everything(root)
    with pytest.raises(DataError, match=said):
        write(root, kind, name)
    assert everything(root) == before


def test_a_file_that_is_there_is_not_written_over(root):
    """Not even when it is the last of those to write, and its entry is missing."""
    test = root / "tests/unit/gan/families/test_my_gan.py"
    test.parent.mkdir(parents=True)
    test.write_text("mine")
    before = everything(root)
    with pytest.raises(DataError, match=r"test_my_gan\.py: is there already"):
        write(root, "family", "my_gan")
    assert everything(root) == before


def test_elsewhere_it_says_where_to_run_it(tmp_path):
    """No registry, no project."""
    with pytest.raises(DataError, match="run from the project's root"):
        write(tmp_path, "family", "my_gan")
