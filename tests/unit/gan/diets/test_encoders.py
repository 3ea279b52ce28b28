"""Texts become numbers that are comparable, with words alone or with a transformer at hand."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.errors import ParameterError
from pipeline.gan.diets.captions import UNTOLD, Captions
from pipeline.gan.diets.encoders import Transformer, Words

CAPTIONS = Captions({"margin": {"Sharp": "Sharp", "Poor": "Poor"}})
LEVELS = pd.DataFrame({"margin": ["Sharp", "Sharp", "Poor", "Sharp", UNTOLD]})
LABELS = ["a", "a", "b", "b", "b"]


@pytest.fixture
def transformers(monkeypatch):
    """A stand-in for the package, whose model gives the length of each word; notes its calls."""
    asked = []

    def tokenizer(text, **_):
        return {"lengths": torch.tensor([[[float(len(word))] * 2 for word in text.split()]])}

    def model(lengths):
        return SimpleNamespace(last_hidden_state=lengths)

    def giving(what):
        def from_pretrained(directory, **options):
            asked.append((directory, options))
            return what

        return SimpleNamespace(from_pretrained=from_pretrained)

    package = SimpleNamespace(
        AutoTokenizer=giving(tokenizer),
        AutoModel=giving(SimpleNamespace(eval=lambda: model)),
    )
    monkeypatch.setitem(sys.modules, "transformers", package)
    return asked


def test_words_are_comparable():
    """Over the training rows that tell it a word has mean 0 and variance 1."""
    codes = Words(CAPTIONS, LEVELS)(LEVELS, LABELS)
    assert codes.shape == (5, 2)
    assert codes[:4].mean(0) == pytest.approx([0, 0], abs=1e-6)
    assert codes[:4].var(0) == pytest.approx([1, 1], rel=1e-5)


def test_what_is_not_told_is_zero():
    """The mean of the training rows."""
    assert not Words(CAPTIONS, LEVELS)(LEVELS, LABELS)[4].any()


def test_a_transformer_gives_the_mean_of_its_last_states(transformers, tmp_path):
    """`a, sharp margin` has words of 2, 5 and 6 letters; scaling keeps differences' order."""
    encode = Transformer(str(tmp_path), LEVELS, LABELS, place="here")
    means = np.array([13 / 3, 13 / 3, 4.0, 13 / 3, 1.0])  # `a, sharp margin` to `b`
    means[2] = (2 + 4 + 6) / 3
    expected = (means - means.mean()) / means.std()
    codes = encode(LEVELS, LABELS)
    assert codes == pytest.approx(np.stack([expected] * 2, axis=1), abs=1e-5)


def test_a_transformer_is_never_downloaded(transformers, tmp_path):
    """Tokenizer and weights are asked for as local files, and weights without pickle."""
    Transformer(str(tmp_path), LEVELS, LABELS, place="here")
    assert transformers == [
        (str(tmp_path), {"local_files_only": True}),
        (str(tmp_path), {"local_files_only": True, "use_safetensors": True}),
    ]


def test_a_directory_that_is_not_there_is_refused(transformers, tmp_path):
    """A model's public name is no directory either."""
    with pytest.raises(ParameterError, match=r"here: got 'some/model'.*nothing is downloaded"):
        Transformer("some/model", LEVELS, LABELS, place="here")
    assert not transformers


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    """With the extra that brings it."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ParameterError, match=r"transformers is missing.*\[text\]"):
        Transformer(str(tmp_path), LEVELS, LABELS, place="here")


def test_facts_are_fit_for_json():
    """The vocabulary and its scaling."""
    facts = json.loads(json.dumps(Words(CAPTIONS, LEVELS).facts))
    assert facts["vocabulary"] == [["margin", "poor"], ["margin", "sharp"]]
    assert facts["mean"] == [0.25, 0.75]
