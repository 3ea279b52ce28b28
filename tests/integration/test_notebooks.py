"""The notebooks run on a finished run, are stored without outputs and define no functions."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pipeline.tracking import NullRun
from pipeline.workflows import compare, report
from tests.simulated_run import add_generators, make_run, parameters

REPOSITORY = Path(__file__).parents[2]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec(name) is None, reason=f"{name} is not installed (make install)"
    )
    for name in ("nbformat", "nbclient", "ipykernel")
]


def read(path: Path):
    """A notebook's content."""
    import nbformat

    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_without_outputs(path: Path) -> None:
    """What a run gives belongs to the run, not to the repository."""
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_defines_no_functions(path: Path) -> None:
    """Notebooks read and explain; what computes lives in the package and is tested there."""
    code = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")
    assert "def " not in code
    assert "\nclass " not in code


# The kernel is another process, which zmq and asyncio talk to with sockets they close late.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_read_the_results(tmp_path, monkeypatch) -> None:
    """The first notebook runs from top to bottom and says each contrast's sentence."""
    from nbclient import NotebookClient

    make_run(tmp_path, {"real": 1.0, "classical": 1.0, "classical+synthetic": 3.0}, patients=60)
    add_generators(tmp_path)
    compare.run(parameters(), tmp_path, NullRun())
    report.run(parameters(), tmp_path, NullRun())
    monkeypatch.setenv("PIPELINE_ROOT", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    notebook = read(REPOSITORY / "notebooks/01-read-the-results.ipynb")
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = "".join(
        output.get("data", {}).get("text/markdown", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
    assert "classical+synthetic rather than classical" in shown
    assert "size of a demonstration" in shown
