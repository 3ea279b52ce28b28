"""Files of weights and of half-done trainings."""

from __future__ import annotations

import pytest
import torch

from pipeline.errors import DataError
from pipeline.gan import checkpoints


def test_gives_back_what_was_saved(tmp_path):
    """Tensors bit by bit, and facts with floats to the last digit."""
    tensors = {"a": torch.rand(3), "b": torch.tensor(4), "c": torch.empty(0)}
    facts = {"history": [{"loss": 0.1 + 0.2}], "step": 3}
    checkpoints.save(tmp_path / "x.safetensors", tensors, facts)
    loaded, found = checkpoints.load(tmp_path / "x.safetensors")
    assert found == facts
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    """A kill in the middle of writing does not cost the checkpoint before."""
    path = tmp_path / "x.safetensors"
    checkpoints.save(path, {"a": torch.ones(1)}, {})

    def torn(_tensors, beside, **_):
        beside.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save_file", torn)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(path, {"a": torch.zeros(1)}, {})
    assert checkpoints.load(path)[0]["a"].item() == 1.0


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04K\x01."])
def test_says_which_file_is_damaged(tmp_path, content):
    """Damage, or a pickle, is one sentence with the file's name."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.safetensors: is damaged"):
        checkpoints.load(path)


def test_says_that_a_model_is_missing(tmp_path):
    """And which stage makes it."""
    with pytest.raises(DataError, match="run the stage train_gan"):
        checkpoints.load_model(tmp_path / "x.safetensors")


def test_says_that_a_model_is_of_another_version(tmp_path):
    """Weights that do not fit their networks."""
    path = tmp_path / "x.safetensors"
    shape = {"channels": 1, "size": [16, 16], "classes": 2}
    facts = {"family": "conditional", "shape": shape, "options": {}}
    checkpoints.save(path, {"a": torch.ones(1)}, facts)
    with pytest.raises(DataError, match="does not fit this version"):
        checkpoints.load_model(path)


def test_generators_continue_where_they_were():
    """PyTorch's own generator included, which dropout draws from."""
    own = {"a": torch.Generator().manual_seed(3)}
    states = checkpoints.rng_tensors(own)
    expected = torch.rand(2, generator=own["a"]), torch.rand(2)
    checkpoints.restore_rngs(own, states)
    assert torch.equal(torch.rand(2, generator=own["a"]), expected[0])
    assert torch.equal(torch.rand(2), expected[1])


def test_lock_lies_beside_the_directory(tmp_path):
    """So that the directory can go while it is held."""
    with checkpoints.locked(tmp_path / "work"):
        (tmp_path / "work").rmdir()
    assert (tmp_path / "work.lock").exists() or not (tmp_path / "work").exists()
