"""A stage's key names its command, its inputs and its parameters, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.lockfile import StageEntry, read

ENTRY = StageEntry("train_gan@dcgan", "c", {"data/a": "1"}, {"params.yaml": {"seed": 1}})
LOCK = """
schema: '2.0'
stages:
  train_gan@dcgan:
    cmd: c
    deps:
    - {path: data/a, hash: md5, md5: '1', size: 3}
    params:
      params.yaml: {seed: 1}
    outs:
    - {path: models/dcgan, hash: md5, md5: 2.dir, size: 3, nfiles: 1}
  split:
    cmd: s
"""


@pytest.mark.parametrize(
    "change",
    [
        {"command": "d"},
        {"dependencies": {"data/a": "2"}},
        {"dependencies": {"data/b": "1"}},
        {"parameters": {"params.yaml": {"seed": 2}}},
    ],
)
def test_whatever_changes_the_result_changes_the_key(change):
    """A rerun with something new is another run."""
    assert replace(ENTRY, **change).key != ENTRY.key


def test_outputs_are_no_part_of_the_key():
    """It is known before the stage has run."""
    assert replace(ENTRY, outputs={"models/dcgan": "2.dir"}).key == ENTRY.key


def test_the_lock_file_gives_the_same_key(tmp_path):
    """What a stage computed while it ran is found again from dvc.lock."""
    path = tmp_path / "dvc.lock"
    path.write_text(LOCK)
    first, second = read(path)
    assert first.key == ENTRY.key
    assert first.outputs == {"models/dcgan": "2.dir"}
    assert (first.stage, first.item, second.item) == ("train_gan", "dcgan", "")
    assert [entry.name for entry in read(path, "split")] == ["split"]


def test_no_lock_file_holds_no_entries(tmp_path):
    """A project that never ran is no error."""
    assert read(tmp_path / "dvc.lock") == []
