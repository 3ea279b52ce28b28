"""Imports go downward only, randomness has one home, and nothing is unpickled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOBAL_RANDOMNESS = ("torch.manual_seed", "np.random.seed", "random.seed(", "np.random.rand")
UNPICKLING = ("import pickle", "torch.load(", "joblib.load", "allow_pickle=True")


def test_the_layers_hold():
    """No module imports upward or sideways, and only tracking imports mlflow."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("calls", "home"), [(GLOBAL_RANDOMNESS, "seeding.py"), (UNPICKLING, None)])
def test_a_call_stays_in_its_home(calls, home):
    """Global generators are seeded in seeding.py alone; data from strangers is never unpickled."""
    found = [
        f"{path.relative_to(ROOT)}: {call}"
        for path in (ROOT / "pipeline").rglob("*.py")
        for call in calls
        if path.name != home and call in path.read_text(encoding="utf-8")
    ]
    assert not found
