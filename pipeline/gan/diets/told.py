"""The texts of training rows without the rows: which there are of a class, and how many had each.

What a model that reads text needs once it leaves its training rows. The order of the rows and
their ids are gone; a combination of attributes that one patient alone has is still there.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pipeline.gan.diets.diet import Carried, Offer
from pipeline.gan.family import Batch


class Told:
    """Offers of a class index and a text that training rows of the class had.

    Args:
        carried: As `of` gives it.
        device: Where texts go.
    """

    def __init__(self, carried: Carried, device: str) -> None:
        tensors = carried.tensors
        self._labels, self._counts = tensors["labels"], tensors["counts"]
        self._codes = tensors["codes"].to(device)
        self._columns: list[str] = list(carried.facts["columns"])
        self._levels: list[list[str]] = list(carried.facts["levels"])
        self._device = device

    @staticmethod
    def of(levels: pd.DataFrame, labels: NDArray[np.int64], codes: Tensor) -> Carried:
        """Sum up rows, the same whatever their order.

        Args:
            levels: As `Captions.read` gives them, a row an image.
            labels: (N,) class indices.
            codes: (N, words).
        """
        texts = [tuple(map(str, row)) for row in levels.itertuples(index=False)]
        rows: dict[tuple[int, tuple[str, ...]], list[int]] = {}
        for number, key in enumerate(zip(labels.tolist(), texts, strict=True)):
            rows.setdefault(key, []).append(number)
        different = sorted(rows)
        tensors = {
            "labels": torch.tensor([label for label, _ in different]),
            "counts": torch.tensor([len(rows[key]) for key in different]),
            "codes": torch.stack([codes[rows[key][0]] for key in different]),
        }
        columns = [str(name) for name in levels]
        return Carried(tensors, {"columns": columns, "levels": [list(key[1]) for key in different]})

    def offer(self, label: int, rng: Generator) -> Offer:
        """Give the class index and a text, each as likely as it was among the rows."""
        members = (self._labels == label).nonzero()[:, 0]
        ends = self._counts[members].cumsum(0)
        drawn = torch.randint(int(ends[-1]), (1,), generator=rng)
        row = members[torch.searchsorted(ends, drawn, right=True)]
        labels = torch.tensor([label], device=self._device)
        given = Batch(labels, extra={"text": self._codes[row.to(self._device)]})
        levels = self._levels[int(row)]
        return Offer(given, attributes=dict(zip(self._columns, levels, strict=True)))
