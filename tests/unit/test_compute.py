"""Jobs give the same results side by side as one by one, and their figures reach one listener."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest
import torch
from filelock import FileLock, Timeout

from pipeline import compute
from pipeline.compute import Machine
from pipeline.errors import DataError, ParameterError
from pipeline.seeding import torch_rng


def draw(job, machine, report):
    """A job that draws from its own generator and reports once."""
    value = float(torch.rand((), generator=torch_rng(7, "job", job)))
    report(1, {"value": value}, at=job)
    return value, torch.get_num_threads()


def refuse(job, machine, report):
    """A job that fails as a user's mistake makes it fail."""
    raise DataError("file", f"job {job} is broken")


def run(task, workers, listener=None):
    """Three jobs."""
    return compute.parallel_map(
        task,
        range(3),
        Machine("cpu", threads=1, workers=workers),
        names=[f"j{number}" for number in range(3)],
        total=3,
        description="test",
        listener=listener,
    )


class TestParallelMap:
    """Work over jobs."""

    def test_workers_change_no_result_and_every_figure_is_heard_here(self):
        """One process or two: the same numbers, in the order of the jobs, and a single writer."""
        heard = {}
        alone = run(draw, 1)
        together = run(draw, 2, lambda job, figures, at: heard.update({(job, at): figures}))
        assert alone == together
        assert heard == {
            (f"j{number}", number): {"value": value} for number, (value, _) in enumerate(alone)
        }

    @pytest.mark.parametrize("workers", [1, 2])
    def test_an_error_of_a_job_comes_through_as_it_is(self, workers):
        """The user reads the same sentence however many workers there are."""
        with pytest.raises(DataError, match="file: job 0 is broken"):
            run(refuse, workers)

    def test_a_slow_listener_hears_everything(self, monkeypatch):
        """However long it takes: figures that nobody hears are curves with gaps."""
        monkeypatch.setattr(compute, "_PATIENCE", 0.1)
        heard = []

        def listen(job, figures, at):
            time.sleep(0.5)
            heard.append(job)

        run(draw, 2, listen)
        assert sorted(heard) == ["j0", "j1", "j2"]

    def test_a_failing_listener_is_told_and_hangs_nothing(self):
        """The pool ends, and the error is not lost."""

        def fail(job, figures, at):
            raise RuntimeError("deaf")

        with pytest.raises(RuntimeError, match="deaf"):
            run(draw, 2, fail)


class TestMachine:
    """Devices and precision."""

    def test_a_missing_device_is_a_sentence(self):
        """Not a traceback from PyTorch."""
        with pytest.raises(ParameterError, match=r"compute\.device: got 'cuda:99'"):
            compute.choose_device("cuda:99")

    def test_precision_is_the_block_s(self):
        """bf16 inside, fp32 otherwise."""
        ones = torch.ones(2, 2)
        with compute.autocast(Machine(precision="bf16")):
            assert (ones @ ones).dtype == torch.bfloat16
        with compute.autocast(Machine(precision="fp32")):
            assert (ones @ ones).dtype == torch.float32


def test_a_lock_holds_others_off_and_lies_beside_its_directory(tmp_path):
    """So that the directory can go while it is held."""
    work = tmp_path / "half/work"
    with compute.locked(work), pytest.raises(Timeout):
        work.mkdir()
        work.rmdir()
        FileLock(tmp_path / "half/work.lock", timeout=0).acquire()
    with FileLock(tmp_path / "half/work.lock", timeout=0):
        pass


def test_half_done_work_lies_in_the_real_repository(tmp_path, monkeypatch):
    """An experiment's workspace is thrown away; what can be resumed is not."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert compute.resume_directory("a", "b") == tmp_path.resolve() / ".resume/a/b"
    monkeypatch.delenv("DVC_ROOT")
    monkeypatch.chdir(tmp_path)
    assert compute.project_root() == tmp_path.resolve()


def linger(job, machine, report):
    """A job that tells its process and goes on for a minute."""
    Path(job).write_text(str(os.getpid()))
    time.sleep(60)


def linger_side_by_side(paths):
    """Two jobs in workers, as a stage has them."""
    compute.parallel_map(
        linger, paths, Machine(workers=2), names=["a", "b"], total=2, description="test"
    )


def alive(process: int) -> bool:
    """Whether a process runs; one that nobody has collected yet does not."""
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")
def test_workers_end_with_a_killed_parent(tmp_path):
    """They would hold the locks of half-done work that the next run waits for."""
    told = [tmp_path / "a", tmp_path / "b"]
    stage = multiprocessing.get_context("spawn").Process(target=linger_side_by_side, args=(told,))
    stage.start()
    for path in told:
        while not (path.exists() and path.read_text()):
            assert stage.is_alive()
            time.sleep(0.05)
    stage.kill()
    stage.join()
    workers = [int(path.read_text()) for path in told]
    until = time.monotonic() + 20
    while any(map(alive, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(alive, workers))
