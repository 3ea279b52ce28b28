"""The page in a real browser: it renders offline, on a desk and on a phone, in light and dark."""

from __future__ import annotations

import html
import io
import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.report import page as report_page
from pipeline.tracking import NullRun
from pipeline.workflows import compare, report
from tests.simulated_run import add_generators, make_run, parameters
from tests.simulated_study import CAUGHT, FINDING, extend

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DARK = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0")
PHONE = 390

# Looks at the page in a frame, since a headless window is never as narrow as a phone.
LOOK = """
const frame = document.getElementById('frame');
frame.onload = () => {
  const page = frame.contentDocument, view = frame.contentWindow;
  page.querySelectorAll('details').forEach(each => { each.open = true; });
  const boxed = each => each.closest('.scroll, .skip') !== null;
  const wide = [...page.body.querySelectorAll('*')].filter(
    each => !boxed(each) && each.getBoundingClientRect().right > view.innerWidth + 1);
  const regions = [...page.querySelectorAll('.scroll')];
  const seen = {
    width: page.documentElement.scrollWidth,
    wide: wide.map(each => each.outerHTML.slice(0, 120)),
    headings: [...page.querySelectorAll('h1,h2,h3,h4')].map(each => +each.tagName[1]),
    sections: [...page.querySelectorAll('section')].map(each => each.id),
    broken: [...page.images].filter(each => !each.complete || !each.naturalWidth).length,
    pictures: page.images.length,
    chart: getComputedStyle(page.querySelector('.chart img')).backgroundColor,
    ground: getComputedStyle(page.body).backgroundColor,
    loaded: view.performance.getEntriesByType('resource').map(each => each.name)
      .filter(name => !name.startsWith('data:')),
    unreachable: regions.filter(each => {
      each.focus(); return page.activeElement !== each || !each.getAttribute('aria-label');
    }).length,
    scrolls: regions.filter(each => each.scrollWidth > each.clientWidth).length,
  };
  document.getElementById('seen').textContent = JSON.stringify(seen);
};
"""

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no chromium is installed, so the page is not opened in a browser"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """The page of a made-up study."""
    root = tmp_path_factory.mktemp("run")
    make_run(root, {"real": 1.0, "classical": 1.0, "classical+synthetic": 3.0}, patients=30)
    add_generators(root)
    compare.run(parameters(), root, NullRun())
    extend(root)
    report.run(parameters(), root, NullRun())
    return root / "report/index.html"


@pytest.fixture(scope="module")
def phone(page, tmp_path_factory) -> dict[str, Any]:
    """What a phone's browser sees."""
    return look(page, tmp_path_factory.mktemp("phone"), PHONE)


def browse(page: Path, profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Open a file in a browser that may not call home."""
    quiet = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--no-first-run",
        "--disable-dev-shm-usage", f"--user-data-dir={profile}",
    ]  # fmt: skip
    command = [str(BROWSER), *quiet, *arguments, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def look(page: Path, directory: Path, width: int, *arguments: str) -> dict[str, Any]:
    """What the browser makes of the page in a window of a width."""
    frame = directory / "frame.html"
    text = json.dumps(page.read_text()).replace("</", "<\\/")
    frame.write_text(
        f'<iframe id="frame" style="border:0;width:{width}px;height:800px"></iframe>'
        f'<pre id="seen"></pre><script>{LOOK}'
        f"frame.srcdoc = {text};</script>",
        encoding="utf-8",
    )
    shown = browse(frame, directory / "profile", "--dump-dom", *arguments).stdout
    seen = re.search(r'<pre id="seen">(.+?)</pre>', shown, re.DOTALL)
    assert seen is not None
    result: dict[str, Any] = json.loads(html.unescape(seen[1]))
    return result


def test_renders_with_every_section(page, phone, tmp_path) -> None:
    """The browser's own tree holds what the run found, and its policy blocked nothing."""
    shown = browse(page, tmp_path, "--dump-dom", "--enable-logging=stderr")
    for words in (
        "classical+synthetic", "Could have shown", "is as good as classical with 38 patients",
        "validation most often chose 100", "50% in 5 of 6 folds", "diameter mm: below 8",
        "Kernel distance", "Textures", FINDING, CAUGHT, "By the discriminator", "ends early",
        "a phantom: simulated scans", "params.yaml",
    ):  # fmt: skip
        assert words in shown.stdout
    assert "Not measured in this run" not in shown.stdout
    assert "Content Security Policy" not in shown.stderr
    assert phone["sections"] == list(report_page.SECTIONS)
    assert phone["broken"] == 0
    assert phone["pictures"] > 15


def test_nothing_is_loaded(phone) -> None:
    """Not from the network and not from the disk: everything is in the file."""
    assert phone["loaded"] == []


def test_fits_a_phone(phone) -> None:
    """Nothing is wider than the window, with all that folds unfolded; wide things scroll."""
    assert phone["width"] == PHONE
    assert phone["wide"] == []
    assert phone["scrolls"] > 5


def test_what_scrolls_is_reached_by_keyboard(phone) -> None:
    """Each box takes the focus and has a name."""
    assert phone["unreachable"] == 0


def test_headings_are_in_order(phone) -> None:
    """One title, and no level is skipped on the way down."""
    levels = phone["headings"]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_dark(page, phone, tmp_path) -> None:
    """The ground follows the reader's preference, and charts keep the white that they need."""
    dark = look(page, tmp_path, 1280, *DARK)
    assert luminance(rgb(phone["ground"])) > 0.8
    assert luminance(rgb(dark["ground"])) < 0.05
    assert rgb(dark["chart"]) == rgb(phone["chart"]) == (255, 255, 255)
    assert dark["width"] == 1280


def test_is_drawn(page, tmp_path) -> None:
    """A screenshot shows ink on paper."""
    path = tmp_path / "page.png"
    browse(page, tmp_path / "profile", "--window-size=1200,900", f"--screenshot={path}")
    pixels = np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("L"), float)
    assert np.median(pixels) > 200
    assert pixels.min() < 60


def test_is_small_enough_to_mail(page) -> None:
    """With every picture in it."""
    assert page.stat().st_size < 6_000_000


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_stands_out(scheme) -> None:
    """Every colour of text has a contrast of 4.5 or more to what it may stand on.

    Source: Web Content Accessibility Guidelines 2.2, success criterion 1.4.3 (level AA).
    """
    css = (Path(report_page.__file__).parent / "page.css").read_text()
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", css.split("@media")[scheme]))
    inks = ("ink", "quiet", "link", "helps", "harms", "equal", "open")
    pairs = [(ink, ground) for ink in inks for ground in ("paper", "ground")]
    for ink, ground in [*pairs, ("ink", "warn-ground")]:
        one, other = (luminance(rgb(colours[name])) for name in (ink, ground))
        assert (max(one, other) + 0.05) / (min(one, other) + 0.05) >= 4.5, (ink, ground)


def rgb(colour: str) -> tuple[int, ...]:
    """A colour as CSS or a browser writes it."""
    if colour.startswith("#"):
        return tuple(bytes.fromhex(colour[1:]))
    return tuple(int(part) for part in re.findall(r"\d+", colour)[:3])


def luminance(colour: tuple[int, ...]) -> float:
    """Relative luminance of sRGB, from 0 to 1.

    Source: Web Content Accessibility Guidelines 2.2, definition of relative luminance.
    """
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (each / 255 for each in colour)
    ]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))
