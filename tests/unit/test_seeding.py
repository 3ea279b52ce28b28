"""Every number drawn depends on the root seed and its path of names, and on nothing else."""

from __future__ import annotations

import numpy as np
import torch

from pipeline.seeding import derive, numpy_rng, seed_initialisation, torch_rng


def test_the_seed_of_a_path_is_pinned():
    """A changed derivation would silently change every result."""
    assert derive(2026, "train_gan", "dcgan", 0) == 1541588544622406435


def test_every_part_of_a_path_counts():
    """Root, names, their order, their borders and their types."""
    paths = [(1, "a", "b"), (2, "a", "b"), (1, "b", "a"), (1, "ab"), (1, "a"), (1, 1), (1, "1")]
    seeds = {derive(*path) for path in paths}
    assert len(seeds) == len(paths)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_generators_repeat_and_differ():
    """The same path draws the same, another path does not."""
    assert numpy_rng(1, "a").random() == numpy_rng(1, "a").random()
    assert numpy_rng(1, "a").random() != numpy_rng(1, "b").random()
    first, again = (torch.rand(3, generator=torch_rng(1, "a")) for _ in range(2))
    assert torch.equal(first, again)


def test_networks_start_alike_from_one_path():
    """Layer initialisers draw from the global generator, which is seeded for them alone."""
    weights = []
    for _ in range(2):
        seed_initialisation(1, "networks")
        weights.append(torch.nn.Linear(3, 3).weight.detach().numpy())
    assert np.array_equal(*weights)
