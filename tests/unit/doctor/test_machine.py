"""What the machine lacks, each provoked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipeline.doctor import machine


def test_more_processes_than_cores_are_too_many(change, monkeypatch):
    """Four workers of two threads are eight; on four cores two workers are right."""
    monkeypatch.setattr(machine, "usable_cores", lambda: 4)
    found = machine.cores(change(("workers: 2", "workers: 4"), ("threads: 1", "threads: 2")))
    assert (found.state, found.mend) == ("warning", "lower compute.workers to 2")
    monkeypatch.setattr(machine, "usable_cores", lambda: 8)
    assert machine.cores(change()).state == "ok"


@pytest.mark.parametrize(("gib", "state"), [(3.9, "warning"), (4.0, "ok"), (None, "ok")])
def test_little_memory_is_said(gib, state, project, monkeypatch):
    """Below four gigabytes a training with MLflow swaps; where nobody tells, nothing is claimed."""
    monkeypatch.setattr(machine, "memory_gib", lambda: gib)
    assert machine.memory(project).state == state


def test_a_containers_limit_counts(tmp_path, monkeypatch):
    """What a container may use is less than what the machine has; `max` is no limit."""
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "_CGROUPS", (str(limit),))
    whole = machine.memory_gib()
    limit.write_text("max\n")
    assert machine.memory_gib() == whole
    limit.write_text(f"{2**28}\n")
    assert machine.memory_gib() == 0.25


def test_a_device_that_is_not_there_is_a_problem(change):
    """The name is repeated and `auto` recommended."""
    found = machine.accelerator(change(("device: auto", "device: cuda:99")))
    assert found.state == "problem"
    assert "'cuda:99'" in found.said and "compute.device: auto" in found.mend


def test_a_gpu_that_pytorch_cannot_use_is_said(project, monkeypatch):
    """The device file is there, CUDA is not."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(machine, "_idle_nvidia", lambda: True)
    found = machine.accelerator(project)
    assert found.state == "warning" and "nvidia-smi" in found.mend


def test_a_gpu_is_described(project, monkeypatch):
    """Its name and memory, the driver, and the CUDA that PyTorch was built for."""
    import torch

    found = SimpleNamespace(name="Some GPU", total_memory=80 * 2**30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: found)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    answer = machine.accelerator(project)
    assert answer.state == "ok"
    assert answer.said.startswith("Some GPU, 80 GiB (cuda); driver ")
    assert answer.said.endswith("for CUDA 13.0")


@pytest.mark.parametrize(("limit", "state"), [(256, "warning"), (512, "ok"), (None, "ok")])
def test_few_open_files_are_said(limit, state, project, monkeypatch):
    """A new terminal on macOS allows 256."""
    monkeypatch.setattr(machine, "open_file_limit", lambda: limit)
    assert machine.open_files(project).state == state
