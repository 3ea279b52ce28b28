"""The columns that a source added to a manifest, and whether parameters may name them.

`ingest` checks the names as soon as the columns are there, and the long stages before they begin;
`compare` reads the columns hours later.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import ParameterError
from pipeline.imageset.layout import COLUMNS

COVARIATES, SUBGROUPS = "compare.covariates", "compare.subgroups"
_MANIFEST = "data/images/manifest.csv"


def check_columns(
    covariates: Sequence[str], subgroups: Sequence[str], manifest: pd.DataFrame
) -> None:
    """Refuse names of columns that are not there or do not serve.

    Args:
        covariates: `compare.covariates`.
        subgroups: `compare.subgroups`.
        manifest: Of data/images.

    Raises:
        ParameterError: If a covariate is missing, not numeric or has gaps, or a column of subgroups
            is missing or holds one value only.
    """
    for name in covariates:
        numbers(name, manifest)
    for name in subgroups:
        texts(name, manifest)


def numbers(name: str, manifest: pd.DataFrame) -> NDArray[np.float64]:
    """Read a covariate, one finite number an image.

    Raises:
        ParameterError: If the column is missing, not numeric or has gaps.
    """
    numeric = numeric_columns(manifest)
    if name not in numeric:
        state = "is not numeric" if name in manifest else "is not there"
        if name in COLUMNS:
            state = "is the pipeline's own"
        choice = f"choose among {', '.join(numeric)}" if numeric else "there is no numeric column"
        raise ParameterError(
            COVARIATES,
            f"the column {name!r} of {_MANIFEST} {state}; {choice}, or []; columns of a table come "
            "there by ingest.options.attributes",
        )
    values = pd.to_numeric(manifest[name], errors="coerce").to_numpy(np.float64)
    gaps = int((~np.isfinite(values)).sum())
    if gaps:
        raise ParameterError(
            COVARIATES,
            f"the column {name!r} of {_MANIFEST} is empty or infinite for {gaps} of {len(values)} "
            "images; complete it in your table, or leave the column out",
        )
    return values


def texts(name: str, manifest: pd.DataFrame) -> pd.Series:
    """Read a column of subgroups, one text an image, empty where nothing is given.

    Raises:
        ParameterError: If the column is missing or holds one value only.
    """
    added = added_columns(manifest)
    if name not in added:
        choice = f"choose among {', '.join(added)}" if added else "there is none"
        raise ParameterError(
            SUBGROUPS,
            f"{name!r} is no column that the source added to {_MANIFEST}; {choice}; columns of a "
            "table come there by ingest.options.attributes",
        )
    text = manifest[name].astype(str).str.strip().where(manifest[name].notna(), "")
    if text.nunique() < 2:
        raise ParameterError(SUBGROUPS, f"the column {name!r} holds one value only; leave it out")
    return text


def added_columns(manifest: pd.DataFrame) -> list[str]:
    """The columns that no manifest has by itself."""
    return [str(name) for name in manifest if name not in COLUMNS]


def numeric_columns(manifest: pd.DataFrame) -> list[str]:
    """Those of the added columns that hold numbers."""
    return [name for name in added_columns(manifest) if _is_numeric(manifest[name])]


def _is_numeric(column: pd.Series) -> bool:
    """Whether every cell that is not empty holds a number; an empty column holds none."""
    filled = column[column.notna() & column.astype(str).str.strip().ne("")]
    return len(filled) > 0 and bool(pd.to_numeric(filled, errors="coerce").notna().all())
