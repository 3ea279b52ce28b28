"""Every family is heard of, also where one of them fails."""

from __future__ import annotations

import re

import pytest
import torch

from pipeline.errors import DataError
from pipeline.gan.families.dcgan import Dcgan
from pipeline.workflows import gpu_check


def test_tells_speed_and_trouble(monkeypatch):
    """A family that works has a speed; one that does not has its reason, and the check goes on."""

    def broken(*_):
        raise RuntimeError("no kernel for this\nand more")

    monkeypatch.setattr(Dcgan, "loss", broken)
    found = list(gpu_check.run("cpu", ["dcgan", "conditional"], (16, 16), 0.2, ["fp32"]))
    assert [(each.family, each.problem) for each in found] == [
        ("dcgan", "no kernel for this"),
        ("conditional", ""),
    ]
    assert found[0].images_a_second == 0
    assert found[1].images_a_second > 0


def test_tells_of_images_that_are_none(monkeypatch):
    """Finite losses are not enough."""

    def spoiled(self, given, rngs):
        made = original(self, given, rngs)
        made.images.fill_(float("nan"))
        return made

    original = Dcgan.sample
    monkeypatch.setattr(Dcgan, "sample", spoiled)
    (found,) = gpu_check.run("cpu", ["dcgan"], (16, 16), 0.1, ["fp32"])
    assert found.problem == "the images that it makes are not finite"


def test_wants_a_gpu_or_the_word_cpu(monkeypatch):
    """Without a GPU, `auto` is no answer; the option is named, since params.yaml is not read."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DataError, match=r"^--device: got 'auto', and .* has no GPU .*; give cpu"):
        list(gpu_check.run("auto", [], (16, 16), 1.0, ["fp32"]))
    with pytest.raises(DataError, match=r"^--device: got 'gpu', which this machine lacks; use aut"):
        list(gpu_check.run("gpu", [], (16, 16), 1.0, ["fp32"]))


def test_refuses_unknown_families():
    """The argument is named."""
    with pytest.raises(DataError, match=r"^FAMILIES: got 'dcgn'; choose one of .*dcgan"):
        list(gpu_check.run("cpu", ["dcgn"], (16, 16), 1.0, ["fp32"]))


def test_refuses_unknown_precisions():
    """Which would be measured as another under their name."""
    with pytest.raises(
        DataError, match=r"^--precisions: got 'foo'; choose one of bf16, fp16, fp32"
    ):
        list(gpu_check.run("cpu", ["dcgan"], (16, 16), 1.0, ["foo"]))


def test_a_size_is_whole_numbers():
    """Two of them or three."""
    assert gpu_check.parsed_size("64, 32") == (64, 32)
    assert gpu_check.parsed_size("8,16,32") == (8, 16, 32)


@pytest.mark.parametrize(
    "text", ["abc", "64", "64,", "64,0", "64,-1", "1,2,3,4", "6.5,6", "", "100000,2"]
)
def test_another_size_is_refused(text):
    """The option is named, how many numbers it takes, and how large they may be."""
    wanted = "give two or three whole numbers above 0 and below 100000, e.g. 64,64 or 32,32,32"
    with pytest.raises(DataError, match=f"^--size: got {re.escape(repr(text))}; {wanted}$"):
        gpu_check.parsed_size(text)
