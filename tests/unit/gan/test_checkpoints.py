"""Families on disk, and what a half-done training holds besides."""

from __future__ import annotations

import pytest
import torch

from pipeline import tensorfile
from pipeline.errors import DataError
from pipeline.gan import checkpoints


def test_says_that_a_model_is_missing(tmp_path):
    """And which stage makes it."""
    with pytest.raises(DataError, match="run the stage train_gan"):
        checkpoints.load_model(tmp_path / "x.safetensors")


def test_says_that_a_model_is_of_another_version(tmp_path):
    """Weights that do not fit their networks."""
    path = tmp_path / "x.safetensors"
    shape = {"channels": 1, "size": [16, 16], "classes": 2}
    facts = {"family": "conditional", "shape": shape, "options": {}}
    tensorfile.save(path, {"a": torch.ones(1)}, facts)
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
