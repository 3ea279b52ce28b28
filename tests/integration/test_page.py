"""The page in a real browser: it renders offline, on a desk and on a phone, in light and dark."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.tracking import NullRun
from pipeline.workflows import compare, report
from tests.simulated_run import add_generators, make_run, parameters

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no chromium is installed, so the page is not opened in a browser"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """The page of a made-up run."""
    root = tmp_path_factory.mktemp("run")
    make_run(root, {"real": 1.0, "classical": 1.0, "classical+synthetic": 3.0}, patients=60)
    add_generators(root)
    compare.run(parameters(), root, NullRun())
    report.run(parameters(), root, NullRun())
    return root / "report/index.html"


def browse(page: Path, profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Open the page in a browser that may not call home."""
    quiet = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--no-first-run",
        "--disable-dev-shm-usage", f"--user-data-dir={profile}",
    ]  # fmt: skip
    command = [str(BROWSER), *quiet, *arguments, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def screenshot(page: Path, directory: Path, width: int, *arguments: str) -> np.ndarray:
    """Pixels of the top of the page."""
    path = directory / "page.png"
    browse(
        page, directory / "profile", f"--window-size={width},900", f"--screenshot={path}",
        *arguments,
    )  # fmt: skip
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("L"), float)


def test_renders_with_its_pictures(page, tmp_path) -> None:
    """The browser's own tree holds the verdict, and its policy blocked nothing."""
    shown = browse(page, tmp_path, "--dump-dom", "--enable-logging=stderr")
    assert "classical+synthetic rather than classical" in shown.stdout
    assert "Content Security Policy" not in shown.stderr


def test_light_and_dark(page, tmp_path) -> None:
    """The ground follows the reader's preference."""
    light = screenshot(page, tmp_path, 1200)
    dark = screenshot(
        page, tmp_path, 1200, "--force-dark-mode", "--blink-settings=preferredColorScheme=0"
    )
    assert np.median(light) > 200
    assert np.median(dark) < 60


def test_fits_a_phone(page, tmp_path) -> None:
    """Nothing is wider than a narrow window: tables and charts scroll inside their own boxes.

    A page that overflows would be cut off at the right, where only the ground shows if it fits.
    """
    pixels = screenshot(page, tmp_path, 500)
    assert pixels.shape[1] == 500
    assert pixels[:, -8:].std() < 2
