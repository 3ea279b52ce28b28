"""Tensors and facts in one file, whole or not there."""

from __future__ import annotations

import pytest
import torch

from pipeline import tensorfile
from pipeline.errors import DataError


def test_gives_back_what_was_saved(tmp_path):
    """Tensors bit by bit, and facts with floats to the last digit."""
    tensors = {"a": torch.rand(3), "b": torch.tensor(4), "c": torch.empty(0)}
    facts = {"history": [{"loss": 0.1 + 0.2}], "step": 3}
    tensorfile.save(tmp_path / "x.safetensors", tensors, facts)
    loaded, found = tensorfile.load(tmp_path / "x.safetensors", stage="classify")
    assert found == facts
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    """A kill in the middle of writing does not cost the checkpoint before."""
    path = tmp_path / "x.safetensors"
    tensorfile.save(path, {"a": torch.ones(1)}, {})

    def torn(_tensors, beside, **_):
        beside.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(tensorfile, "save_file", torn)
    with pytest.raises(KeyboardInterrupt):
        tensorfile.save(path, {"a": torch.zeros(1)}, {})
    assert tensorfile.load(path, stage="classify")[0]["a"].item() == 1.0


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04K\x01."])
def test_says_which_file_is_damaged(tmp_path, content):
    """Damage, or a pickle, is one sentence with the file's name."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.safetensors: is damaged.*then run classify"):
        tensorfile.load(path, stage="classify")


def test_says_which_stage_makes_what_is_missing(tmp_path):
    """So that the user knows what to run."""
    with pytest.raises(DataError, match="is missing; run the stage train_gan"):
        tensorfile.load(tmp_path / "x.safetensors", stage="train_gan")
