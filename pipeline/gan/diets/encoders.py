"""Text as numbers: a bag of words that needs nothing else, or a transformer from a directory.

Both learn their scaling from the training rows: each number has mean zero and variance one there,
so that a rare word is heard as well as a common one, and zero is what is not told.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from pipeline.errors import ParameterError
from pipeline.gan.diets.captions import Captions, indicators, sentence

_EXTRA = "text"


class Encoder(Protocol):
    """Texts -> codes.

    Attributes:
        facts: What must be kept to encode without the training rows, fit for JSON.
    """

    facts: Mapping[str, Any]

    def __call__(self, levels: pd.DataFrame, labels: Sequence[str]) -> NDArray[np.float32]:
        """Encode N texts, (N, words).

        Args:
            levels: As `Captions.read` gives them.
            labels: Names of the N rows' classes.
        """


@dataclass(frozen=True)
class Scaling:
    """Numbers made comparable by the training rows.

    Args:
        mean: (words,) over the training rows.
        spread: (words,) standard deviations there.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, codes: NDArray[np.float64]) -> Scaling:
        """Learn from (N, words), of which NaN is not counted."""
        spread = np.nanstd(codes, axis=0)
        return cls(np.nanmean(codes, axis=0), np.where(spread > 0, spread, 1.0))

    def __call__(self, codes: NDArray[np.float64]) -> NDArray[np.float32]:
        """Scale (N, words); NaN becomes zero."""
        scaled = (codes - self.mean) / self.spread
        return np.nan_to_num(scaled, nan=0.0).astype(np.float32)

    @property
    def facts(self) -> dict[str, list[float]]:
        """Fit for JSON."""
        return {"mean": self.mean.tolist(), "spread": self.spread.tolist()}


class Words:
    """Indicators of the vocabulary's words, in their columns.

    Args:
        captions: Learnt from the training rows.
        levels: The training rows', as `captions.read` gives them.
    """

    def __init__(self, captions: Captions, levels: pd.DataFrame) -> None:
        self._vocabulary = captions.vocabulary()
        self._scaling = Scaling.of(indicators(levels, self._vocabulary))
        vocabulary = [list(pair) for pair in self._vocabulary]
        self.facts: Mapping[str, Any] = {
            "encoder": "words",
            "vocabulary": vocabulary,
            **self._scaling.facts,
        }

    def __call__(
        self,
        levels: pd.DataFrame,
        labels: Sequence[str],  # noqa: ARG002
    ) -> NDArray[np.float32]:
        """Encode N texts, (N, words)."""
        return self._scaling(indicators(levels, self._vocabulary))


class Transformer:
    """Sentences, as the mean of a language model's last hidden states.

    Every sentence goes through the model by itself, so that its code does not depend on which
    others are encoded with it.

    Args:
        directory: Of the model, as its library saves it, weights in safetensors.
        levels: The training rows'.
        labels: Names of their classes.
        place: Where the directory stands in params.yaml, for messages.

    Raises:
        ParameterError: If the optional package or the model is not there.
    """

    def __init__(
        self, directory: str, levels: pd.DataFrame, labels: Sequence[str], *, place: str
    ) -> None:
        self._tokenizer, self._model = _load(directory, place)
        self._known: dict[str, NDArray[np.float64]] = {}
        self._scaling = Scaling.of(self._embed(levels, labels))
        self.facts: Mapping[str, Any] = {"encoder": Path(directory).name, **self._scaling.facts}

    def __call__(self, levels: pd.DataFrame, labels: Sequence[str]) -> NDArray[np.float32]:
        """Encode N texts, (N, hidden size)."""
        return self._scaling(self._embed(levels, labels))

    def _embed(self, levels: pd.DataFrame, labels: Sequence[str]) -> NDArray[np.float64]:
        rows = levels.to_dict("records")
        texts = [
            sentence({str(name): level for name, level in row.items()}, label=label)
            for row, label in zip(rows, labels, strict=True)
        ]
        return np.stack([self._embedded(text) for text in texts])

    @torch.no_grad()
    def _embedded(self, text: str) -> NDArray[np.float64]:
        if text not in self._known:
            tokens = self._tokenizer(text, return_tensors="pt", truncation=True)
            states = self._model(**tokens).last_hidden_state
            self._known[text] = states[0].mean(0).double().numpy()
        return self._known[text]


def _load(directory: str, place: str) -> tuple[Any, Any]:
    """A tokenizer and a model in evaluation mode, from files that are there already."""
    try:
        transformers = importlib.import_module("transformers")
    except ModuleNotFoundError as error:
        raise ParameterError(
            place,
            f"got {directory!r}, for which the package transformers is missing; install it with "
            f"pip install -e '.[{_EXTRA}]', or choose `words`",
        ) from error
    if not Path(directory).is_dir():
        raise ParameterError(
            place,
            f"got {directory!r}, which is no directory; choose `words`, or a directory that holds "
            "a transformer (nothing is downloaded)",
        )
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(directory, local_files_only=True)
        model = transformers.AutoModel.from_pretrained(
            directory, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ParameterError(
            place,
            f"got {directory!r}, which does not hold a transformer that can be read ({reason}); "
            "save a model and its tokenizer there, weights in safetensors",
        ) from error
    return tokenizer, model.eval()
