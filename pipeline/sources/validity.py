"""Whether a decoded scan may enter the set: one judgement for all sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.sources.source import Scan, Settings

PARTS = (None, "train", "val", "test")


def problem_with(scan: Scan, settings: Settings, size: Sequence[int]) -> str | None:
    """Say in one sentence why a scan cannot be used, or None if it can.

    Args:
        scan: What a source decoded.
        settings: What the source says of all its scans.
        size: *spatial that ingest asked for.
    """
    if not isinstance(scan.label, str) or not scan.label.strip():
        return "has no label"
    if scan.part not in PARTS:
        return "its official part is none of train, val and test"
    return (
        _problem_with_image(scan, settings, size)
        or _problem_with_mask(scan, settings, size)
        or _problem_with_spacing(scan, size)
    )


def _problem_with_image(scan: Scan, settings: Settings, size: Sequence[int]) -> str | None:
    image = scan.image
    expected = (len(settings.channels), *size)
    if image.shape != expected:
        return f"its image has the shape {image.shape}, expected {expected}"
    if image.dtype.kind not in "uif":
        return f"its pixels are of the type {image.dtype}, not numbers"
    if not np.isfinite(image).all():
        return "its image holds NaN or infinite values"
    if image.min() < settings.low or image.max() > settings.high:
        return (
            f"its image holds values from {image.min():g} to {image.max():g}, "
            f"outside of {settings.low:g} to {settings.high:g} {settings.unit}"
        )
    if image.min() == image.max():
        return "its image is constant"
    seen = np.clip(image, *settings.window)
    if seen.min() == seen.max():
        return "its image is constant within the window; all of it is brighter or darker"
    return None


def _problem_with_mask(scan: Scan, settings: Settings, size: Sequence[int]) -> str | None:
    if not settings.masks:
        return None
    if scan.mask is None:
        return "has no mask"
    if scan.mask.shape != (1, *size):
        return f"its mask has the shape {scan.mask.shape}, expected {(1, *size)}"
    if not settings.empty_masks and not scan.mask.any():
        return "its mask is empty"
    return None


def _problem_with_spacing(scan: Scan, size: Sequence[int]) -> str | None:
    spacing = scan.spacing_mm
    if spacing is None:
        return None
    if len(spacing) != len(size) or not all(np.isfinite(mm) and mm > 0 for mm in spacing):
        return f"its spacing {spacing} mm is not one positive number for each of {len(size)} axes"
    return None
