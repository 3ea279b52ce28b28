"""Images with a text each, and with the text of another: what a family eats that reads.

A batch holds `text`, the code (N, words) of what its images are, and `wrong_text`, codes that are
not theirs. The class is part of a text, so that whoever is told the text is told the label. An
offer's text is a training row's, and so its attributes occur together; the manifest of what is
made from it has them in the columns that they came from, as they were told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pipeline.config import Share
from pipeline.errors import ParameterError, choose_one_of
from pipeline.gan.diets.captions import UNTOLD, Captions
from pipeline.gan.diets.diet import Carried, Offer
from pipeline.gan.diets.encoders import Encoder, Transformer, Words
from pipeline.gan.diets.feed import Feed, Pick
from pipeline.gan.diets.told import Told
from pipeline.gan.family import Batch, TrainingOptions
from pipeline.imageset import ImageSet


class TextOptions(TrainingOptions):
    """What can be chosen about the text.

    Attributes:
        columns: The manifest's attribute columns that are told; by default all that hold words,
            at most 20 different ones.
        rarest: Share of the training rows that must have a level for it to be told; one that
            fewer have is told as the common one that it shares most words with.
        encoder: `words`, or a directory that holds a transformer with its tokenizer; see
            `encoders`.
    """

    columns: tuple[str, ...] = ()
    rarest: Share = 0.015
    encoder: str = "words"


class Text:
    """Batches of `labels`, `images`, `text` and `wrong_text`; offers of a label and a text."""

    needs: ClassVar[str] = ""
    sees_others: ClassVar[bool] = False

    def __init__(
        self, images: ImageSet, labels: NDArray[np.int64], options: TrainingOptions, device: str
    ) -> None:
        """Take the training rows.

        Raises:
            ParameterError: If no column holds words, or if the encoder is not there.
        """
        assert isinstance(options, TextOptions)
        self._feed = Feed(images, labels, options, device)
        self._device = device
        self._labels = labels
        self._classes = len(np.unique(labels))
        place = f"train_gan.options.{type(options).__module__.rpartition('.')[2]}"
        captions = Captions.of(
            images.manifest,
            columns=options.columns,
            rarest=options.rarest,
            place=f"{place}.columns",
        )
        self._names = list(images.manifest["label"])
        self._levels = captions.read(images.manifest)
        self._encode = self._encoder(captions, options.encoder, f"{place}.encoder")
        codes = self._coded(self._levels, self._names, labels)
        self._codes = torch.from_numpy(codes)
        self._same = np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)
        told = {name: dict(merged) for name, merged in captions.told.items()}
        self.words = codes.shape[1]
        self.facts: Mapping[str, Any] = {"told": told, **self._encode.facts}

    def draw(self, rng: Generator) -> Batch:
        """Draw a training batch."""
        pick = self._feed.pick(rng)
        text = {"text": self._text(pick.rows), "wrong_text": self._text(self._others(pick, rng))}
        return Batch(self._feed.labels(pick), self._feed.images(pick), extra=text)

    def offer(self, label: int, rng: Generator) -> Offer:
        """Give the class index and the text of a random training row of the class."""
        rows = self._feed.pick(rng, 1, label).rows
        return self._offer(label, self._text(rows), self._levels.iloc[rows.numpy()])

    def ask(
        self, label: int, wanted: Mapping[str, str], rng: Generator, *, place: str = "attributes"
    ) -> Offer:
        """Give a text of a class that has the wanted levels.

        The rest is a random training row's: of those of the class that have what is wanted; where
        none has, of any of the class, with the wanted levels put in.

        Args:
            label: The class index.
            wanted: Levels by column, e.g. `{"spiculation": "Marked Spiculation"}`.
            rng: On the CPU.
            place: Where they were asked for, for messages.

        Raises:
            ParameterError: If a column or a level is not told.
        """
        have = self._labels == label
        for name, level in wanted.items():
            if name not in self._levels:
                problem = choose_one_of(name, map(str, self._levels))
                raise ParameterError(place, f"among the columns that are told, {problem}")
            if level not in (known := set(self._levels[name]) - {UNTOLD}):
                raise ParameterError(f"{place}.{name}", choose_one_of(level, known))
            have = have & self._levels[name].eq(level).to_numpy(bool)
        rows = torch.from_numpy(np.flatnonzero(have))
        if len(rows):
            rows = rows[torch.randint(len(rows), (1,), generator=rng)]
        else:
            rows = self._feed.pick(rng, 1, label).rows
        levels = self._levels.iloc[rows.numpy()].assign(**wanted)
        code = self._coded(levels, [self._names[int(rows)]], np.array([label]))
        return self._offer(label, torch.from_numpy(code).to(self._device), levels)

    def carried(self) -> Carried:
        """The different texts of each class and how many rows have each, sorted."""
        return Told.of(self._levels, self._labels, self._codes)

    @staticmethod
    def offers(carried: Carried, device: str) -> Told:
        """Offer these texts, as often as rows had them."""
        return Told(carried, device)

    def _encoder(self, captions: Captions, name: str, place: str) -> Encoder:
        if name == "words":
            return Words(captions, self._levels)
        return Transformer(name, self._levels, self._names, place=place)

    def _coded(
        self, levels: pd.DataFrame, names: list[str], labels: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """The class's indicators, if there are classes, and then the text's code."""
        text = self._encode(levels, names)
        if self._classes == 1:
            return text
        own = (labels[:, None] == np.arange(self._classes)).astype(np.float32)
        # Of mean zero and variance one where classes are drawn equally often.
        scaled = (own * self._classes - 1.0) / np.float32(np.sqrt(self._classes - 1.0))
        return np.concatenate([scaled, text], axis=1)

    def _text(self, rows: Tensor) -> Tensor:
        return self._codes[rows].to(self._device)

    def _others(self, pick: Pick, rng: Generator) -> Tensor:
        """Rows that have other texts than these, drawn as these were."""
        own = self._same[pick.rows.numpy()]
        others = self._feed.pick(rng).rows
        while (equal := torch.from_numpy(self._same[others.numpy()] == own)).any():
            others = torch.where(equal, self._feed.pick(rng).rows, others)
        return others

    def _offer(self, label: int, text: Tensor, levels: pd.DataFrame) -> Offer:
        labels = torch.tensor([label], device=self._device)
        return Offer(
            Batch(labels, extra={"text": text}),
            attributes={str(name): levels[name].iloc[0] for name in levels},
        )
