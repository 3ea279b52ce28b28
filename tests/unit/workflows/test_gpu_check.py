"""Every family is heard of, also where one of them fails."""

from __future__ import annotations

import pytest
import torch

from pipeline.errors import DataError, ParameterError
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
    """Without a GPU, `auto` is no answer."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParameterError, match="has no GPU that PyTorch can use; give cpu"):
        list(gpu_check.run("auto", [], (16, 16), 1.0, ["fp32"]))
    with pytest.raises(ParameterError, match="choose one of"):
        list(gpu_check.run("cpu", ["dcgn"], (16, 16), 1.0, ["fp32"]))


def test_a_size_is_whole_numbers():
    """Two of them or three."""
    assert gpu_check.parsed_size("64, 32") == (64, 32)
    assert gpu_check.parsed_size("8,16,32") == (8, 16, 32)


@pytest.mark.parametrize("text", ["abc", "64", "64,", "64,0", "64,-1", "1,2,3,4", "6.5,6", ""])
def test_another_size_is_refused(text):
    """The option is named."""
    with pytest.raises(DataError, match=r"--size: got .*; give whole numbers, e\.g\. 64,64"):
        gpu_check.parsed_size(text)
