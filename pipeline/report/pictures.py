"""Pictures that go into the page itself: strips of images and curves of training, as PNG bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.report.plots import COLOURS

_TILE = 72
_GAP = 3


def strip(images: NDArray[np.float32]) -> bytes:
    """Draw images side by side, enlarged by a whole factor, as a PNG with a transparent gap.

    Args:
        images: (n, C, *spatial) in [-1, 1]. A volume is shown by its middle slice along the last
            axis; of other than three channels, the first is shown.
    """
    from PIL import Image

    flat = images if images.ndim == 4 else images[..., images.shape[-1] // 2]
    flat = flat if flat.shape[1] == 3 else np.repeat(flat[:, :1], 3, axis=1)
    pixels = np.rint((np.clip(flat, -1, 1) + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
    factor = max(1, round(_TILE / max(pixels.shape[1:3])))
    pixels = pixels.repeat(factor, axis=1).repeat(factor, axis=2)
    count, height, width, _ = pixels.shape
    canvas = np.zeros((height, count * (width + _GAP) - _GAP, 4), np.uint8)
    for index, tile in enumerate(pixels):
        left = index * (width + _GAP)
        canvas[:, left : left + width, :3] = tile
        canvas[:, left : left + width, 3] = 255
    file = io.BytesIO()
    Image.fromarray(canvas).save(file, "PNG", optimize=True)
    return file.getvalue()


def histories(tables: Mapping[str, pd.DataFrame]) -> bytes | None:
    """Draw losses on the left and the discriminator's answers on the right, a row a model.

    Args:
        tables: Model -> columns `step`, `loss_...`, and `d_real`, `d_fake` where the family has
            a discriminator that answers with a probability.

    Returns:
        PNG bytes, or None if there is nothing to draw.
    """
    from matplotlib.figure import Figure

    shown = {name: table for name, table in tables.items() if "step" in table and len(table)}
    if not shown:
        return None
    figure = Figure(
        figsize=(9, 2.3 * len(shown) + 0.4), dpi=110, layout="constrained", facecolor="white"
    )
    rows = figure.subplots(len(shown), 2, squeeze=False, sharex="row")
    for (name, table), (losses, answers) in zip(shown.items(), rows, strict=True):
        terms = [column for column in map(str, table) if column.startswith("loss_")]
        _lines(losses, table, {term: term.removeprefix("loss_") for term in terms})
        _lines(answers, table, {"d_real": "D(x), real", "d_fake": "D(G(z)), generated"})
        answers.axhline(0.5, color="0.8", lw=1, zorder=0)
        answers.set_ylim(-0.03, 1.03)
        losses.set_title(f"{name}: losses", fontsize=10)
        answers.set_title(f"{name}: what the discriminator says", fontsize=10)
    for axes in figure.axes:
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def inline(png: bytes) -> str:
    """A PNG as a data URI, so that the page needs no other file."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def width(source: str) -> int:
    """Pixels of the page that a picture should be wide, so that its letters are the page's size.

    Args:
        source: A PNG as a data URI, drawn with 130 dots to an inch of 100 pixels.
    """
    # A PNG's width is in bytes 16 to 20, which the first 32 letters of the text hold.
    head = base64.b64decode(source.partition(",")[2][:32])
    return round(int.from_bytes(head[16:20], "big") / 1.3)


def _lines(axes: Any, table: pd.DataFrame, labels: Mapping[str, str]) -> None:
    present = {column: label for column, label in labels.items() if column in table}
    for row, (column, label) in enumerate(present.items()):
        colour = COLOURS[row % len(COLOURS)]
        axes.plot(table["step"], table[column], color=colour, lw=1.3, label=label)
    if present:
        axes.legend(fontsize=7, frameon=False)
