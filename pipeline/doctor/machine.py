"""Cores, memory, GPU, and what the operating system allows a process."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.doctor.finding import Finding, Project, ok, problem, unasked, warning

_GIB = 2**30
_ENOUGH_GIB = 4.0
_ENOUGH_FILES = 512
_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def cores(project: Project) -> Finding:
    """Whether params.yaml asks for more processes and threads than there are cores."""
    if project.params is None:
        return unasked()
    found = usable_cores()
    compute = project.params.compute
    asked = compute.workers * compute.threads
    said = f"{found} cores; {compute.workers} workers x {compute.threads} threads are asked for"
    if asked > found:
        return warning(said, f"lower compute.workers to {max(1, found // compute.threads)}")
    return ok(said)


def memory(project: Project) -> Finding:
    """Whether there is as much memory as a training with PyTorch and MLflow takes."""
    del project
    gib = memory_gib()
    if gib is None:
        return ok("the system does not tell how much")
    if gib < _ENOUGH_GIB:
        mend = "set compute.workers: 1, and smaller ingest.size and classify.batch; or more memory"
        return warning(f"{gib:.1f} GiB", mend)
    return ok(f"{gib:.1f} GiB")


def accelerator(project: Project) -> Finding:
    """Which GPU PyTorch can use, and whether it is the one that params.yaml names."""
    import torch

    from pipeline.compute import choose_device
    from pipeline.errors import ParameterError

    if project.params is None:
        return unasked()
    asked = project.params.compute.device
    try:
        chosen = choose_device(asked)
    except ParameterError:
        return problem(
            f"PyTorch {torch.__version__} has no {asked!r} here",
            "set compute.device: auto, or install the driver and PyTorch's build for this GPU",
        )
    if chosen.startswith("cuda"):
        return ok(_cuda(chosen))
    if _idle_nvidia():
        return warning(
            f"an NVIDIA GPU that PyTorch {torch.__version__} cannot use",
            "nvidia-smi must show a driver that is new enough, and `torch.version.cuda` in Python "
            "a number: reinstall torch from requirements.lock where it is None",
        )
    if torch.backends.mps.is_available() and chosen == "cpu":
        return ok("Apple's GPU is there (compute.device: mps); the CPU is used, as asked")
    named = "Apple's GPU (mps)" if chosen == "mps" else "none that PyTorch can use; the CPU is used"
    return ok(named)


def open_files(project: Project) -> Finding:
    """How many files a process may hold open: DVC opens many at once."""
    del project
    limit = open_file_limit()
    if limit is None or limit >= _ENOUGH_FILES:
        return ok("no limit is known" if limit is None else f"{limit} files a process")
    return warning(f"{limit} files a process", f"ulimit -n {4 * _ENOUGH_FILES}, in this terminal")


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_gib() -> float | None:
    """Memory of the machine, or of the container if that is less; None where nobody tells."""
    amounts = []
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        amounts.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in map(Path, _CGROUPS):
        text = path.read_text(encoding="ascii").strip() if path.is_file() else ""
        amounts += [int(text)] if text.isdigit() else []
    return min(amounts) / _GIB if amounts else None


def open_file_limit() -> int | None:
    """Files that this process may hold open; None where there is no limit or nobody tells."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _cuda(device: str) -> str:
    import torch

    found = torch.cuda.get_device_properties(device)
    driver = Path("/proc/driver/nvidia/version")
    words = driver.read_text(encoding="utf-8").split() if driver.is_file() else []
    version = next((word for word in words if word[:1].isdigit() and "." in word), "unknown")
    return (
        f"{found.name}, {found.total_memory / _GIB:.0f} GiB ({device}); driver {version}, "
        f"PyTorch {torch.__version__} for CUDA {torch.version.cuda}"
    )


def _idle_nvidia() -> bool:
    """Whether the system shows an NVIDIA device although PyTorch sees none."""
    import torch

    return not torch.cuda.is_available() and Path("/dev/nvidiactl").exists()
