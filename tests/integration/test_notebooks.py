"""The notebooks run on a finished run, are stored without outputs and define no functions."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pipeline.tracking import NullRun
from pipeline.workflows import compare, report
from tests import tiny_run
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


@pytest.fixture(scope="module")
def small_run(tmp_path_factory):
    """A finished run of the phantom, whose figures mean nothing."""
    root = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        tiny_run.make(root)
    return root


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("02-plug-into-a-classifier", ["DenseNet: ", "r0f1  classical+synthetic: ", "verdict: "]),
        ("03-bring-your-own-dicom", ["unreadable", "0 patients on two sides"]),
        ("04-judge-another-generator", ["theirs: ", "conditional: ", "real, training"]),
    ],
)
def test_on_a_finished_run(name, said, small_run, monkeypatch) -> None:
    """They run from top to bottom, print what they found and draw."""
    from nbclient import NotebookClient

    monkeypatch.setenv("PIPELINE_ROOT", str(small_run))
    monkeypatch.setenv("DVC_ROOT", str(small_run))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("NOTEBOOK_STEPS", "3")
    monkeypatch.delenv("MPLBACKEND", raising=False)  # set, it keeps plots out of notebooks
    notebook = read(REPOSITORY / f"notebooks/{name}.ipynb")
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    printed = "".join(out["text"] for out in outputs if out.output_type == "stream")
    for words in said:
        assert words in printed
    assert sum("image/png" in out.get("data", {}) for out in outputs) >= 2
