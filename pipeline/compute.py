"""Device, precision, threads, parallel work and where things lie: the machine, in one file.

The only file that knows about processes and devices. Long work goes through `parallel_map`, which
runs jobs in this process or in spawned ones, shows one progress bar over all of them, and hands
the figures that jobs report to one listener in the parent, so that MLflow has a single writer.
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.context import SpawnContext
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from filelock import FileLock
from tqdm import tqdm

from pipeline.errors import ParameterError

if TYPE_CHECKING:
    import torch

Figures: TypeAlias = Mapping[str, float]
Job = TypeVar("Job")
Result = TypeVar("Result")
PRECISIONS = ("fp32", "bf16", "fp16")
_PATIENCE = 30.0  # seconds that reports are waited for after a failure


class Report(Protocol):
    """What a job calls to say how far it is."""

    def __call__(self, steps: int, figures: Figures | None = None, at: int | None = None) -> None:
        """Advance the bar by `steps`; `figures` are measured at step `at` of the job."""


class Listener(Protocol):
    """What hears the figures of all jobs, in the parent process."""

    def __call__(self, job: str, figures: Figures, at: int) -> None:
        """Take the figures that the job called `job` measured at its step `at`."""


@dataclass(frozen=True)
class Machine:
    """How to compute, from the section `compute` of params.yaml.

    Args:
        device: `cpu`, `cuda`, `cuda:1`, `mps`.
        threads: PyTorch threads of each process; part of what makes results repeatable.
        workers: Processes that run jobs side by side; 1 runs them in this process.
        precision: `fp32`, `bf16` or `fp16`.
    """

    device: str = "cpu"
    threads: int = 1
    workers: int = 1
    precision: str = "fp32"


def choose_device(name: str) -> str:
    """Resolve `auto` to the best device present, and check any other name.

    Raises:
        ParameterError: If the named device is not there.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ParameterError(
            "compute.device", f"got {name!r}, which this machine lacks; use auto or cpu"
        ) from error
    return name


def prepare(machine: Machine) -> None:
    """Set this process's threads and ask PyTorch for repeatable algorithms."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(machine.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False


@contextlib.contextmanager
def autocast(machine: Machine) -> Iterator[None]:
    """Run a block in the machine's precision."""
    import torch

    kinds: dict[str, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}
    if machine.precision not in kinds:
        yield
        return
    with torch.autocast(machine.device.split(":")[0], dtype=kinds[machine.precision]):
        yield


def parallel_map(
    task: Callable[[Job, Machine, Report], Result],
    jobs: Sequence[Job],
    machine: Machine,
    *,
    names: Sequence[str],
    total: int,
    description: str,
    listener: Listener | None = None,
) -> list[Result]:
    """Run a task over jobs under one progress bar, in order of the jobs.

    Args:
        task: A module-level function (job, machine, report) -> result; both are pickled when
            there are several workers.
        jobs: What to run it on.
        machine: How many workers, and how each computes.
        names: A name for each job, shown in the bar and handed to the listener.
        total: Steps over all jobs, for the bar.
        description: What the bar says.
        listener: Hears every report that carries figures.

    Returns:
        The results, in the order of the jobs, whatever order they ended in.
    """
    with tqdm(total=total, desc=description, unit="step", mininterval=1.0) as bar:
        hear = _Hearing(bar, listener)
        if machine.workers <= 1 or len(jobs) <= 1:
            prepare(machine)
            return [
                task(job, machine, hear.reporter(name))
                for job, name in zip(jobs, names, strict=True)
            ]
        return _spawned(task, jobs, machine, names, hear)


def project_root() -> Path:
    """The real repository's root, also inside `dvc exp run --temp`, else the working directory."""
    return Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()


def resume_directory(*names: str) -> Path:
    """A directory for half-done work, outside DVC's outs and shared by every workspace."""
    path = project_root().joinpath(".resume", *names)
    path.mkdir(parents=True, exist_ok=True)
    return path


def program_hashes(*packages: ModuleType) -> list[str]:
    """SHA-256 of every source file of some packages, for the key of work that they may resume."""
    return [
        hashlib.sha256(path.read_bytes()).hexdigest()
        for package in packages
        for path in sorted(Path(package.__path__[0]).rglob("*.py"))
    ]


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold a directory of half-done work against other processes that want the same.

    The lock lies beside the directory, so that the directory can be removed while it is held; the
    system frees it when its holder is killed.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(directory.with_name(directory.name + ".lock")):
        yield


class _Hearing:
    """Turns reports into the bar's movement and the listener's calls."""

    def __init__(self, bar: tqdm[Any], listener: Listener | None) -> None:
        self._bar = bar
        self._listener = listener

    def reporter(self, name: str) -> Report:
        def report(steps: int, figures: Figures | None = None, at: int | None = None) -> None:
            self.hear((name, steps, figures, at))

        return report

    def hear(self, message: tuple[str, int, Figures | None, int | None]) -> None:
        name, steps, figures, at = message
        if figures:
            shown = " ".join(f"{key} {value:.3g}" for key, value in list(figures.items())[:4])
            self._bar.set_postfix_str(f"{name}: {shown}", refresh=False)
            if self._listener is not None:
                self._listener(name, figures, at or 0)
        self._bar.update(steps)


class _Hotline:
    """A queue that workers report through, and the thread that hears it in this process.

    Args:
        context: How workers are started.
        hear: Takes each message.
    """

    def __init__(self, context: SpawnContext, hear: _Hearing) -> None:
        self.queue: Any = context.Queue()
        self._hear = hear
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._drain, daemon=True)

    def __enter__(self) -> _Hotline:
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Hear what is left, however long that takes; after a failure no longer than patience."""
        # Behind every worker's last message: a worker ends only when it has handed over its own.
        self.queue.put(None)
        self._thread.join(None if kind is None else _PATIENCE)
        if self._thread.is_alive():  # a worker may have died with the queue in its hands
            self.queue.cancel_join_thread()
            return
        self.queue.close()
        if kind is None and self._failed:
            raise self._failed[0]

    def _drain(self) -> None:
        while (message := self.queue.get()) is not None:
            try:
                self._hear.hear(message)
            except Exception as error:  # a failing listener must not hang the pool
                self._failed.append(error)


def _spawned(
    task: Callable[[Job, Machine, Report], Result],
    jobs: Sequence[Job],
    machine: Machine,
    names: Sequence[str],
    hear: _Hearing,
) -> list[Result]:
    context = multiprocessing.get_context("spawn")
    with (
        _Hotline(context, hear) as hotline,
        ProcessPoolExecutor(
            machine.workers, mp_context=context, initializer=_begin, initargs=(hotline.queue,)
        ) as pool,
    ):
        futures = [
            pool.submit(_run_job, task, job, machine, name)
            for job, name in zip(jobs, names, strict=True)
        ]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_reports: Any = None  # in a worker, the queue to the parent; a spawned process has its own


def _begin(queue: Any) -> None:
    """Prepare a worker: where it reports to, and that it ends with its parent.

    A worker that outlived a killed stage would hold the locks that its successor waits for.
    """
    global _reports
    _reports = queue
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "only workers watch"
    parent.join()
    os._exit(1)


def _run_job(
    task: Callable[[Job, Machine, Report], Result],
    job: Job,
    machine: Machine,
    name: str,
) -> Result:
    prepare(machine)

    def report(steps: int, figures: Figures | None = None, at: int | None = None) -> None:
        _reports.put((name, steps, dict(figures) if figures else None, at))

    return task(job, machine, report)
