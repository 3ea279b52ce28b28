"""Networks from local files: what comes out is the network's, and wrong files are refused."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import interpolate

from pipeline.config import options_of
from pipeline.errors import DataError, ParameterError
from pipeline.fidelity.features import resnet_weights
from pipeline.fidelity.features.pretrained import Pretrained, PretrainedOptions
from pipeline.registry import FEATURES
from tests.masked_discs import discs

ROOT = Path(__file__).parents[4]
PLACE = "assess.options.pretrained"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A random ResNet-18 of three channels, and its file."""
    torch.manual_seed(0)
    resnet = resnet_weights.build("resnet18", 3).eval()
    # Statistics of a network that was trained, so that a forgotten one would show.
    for name, buffer in resnet.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0.0, 0.1)
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    save_file(resnet.state_dict(), path)
    return resnet, path


def options(path, **values):
    """PretrainedOptions as `params.yaml` would give them."""
    return options_of(FEATURES, "pretrained", {"file": str(path), **values}, PLACE)


def described(images, path, **values):
    """Features of images."""
    chosen = options(path, **{"network": "resnet18", "size": 32, **values})
    return Pretrained.fit(images, options=chosen)(images)


@torch.no_grad()
def pooled(resnet, images):
    """What MONAI's network gives before its last linear layer."""
    resnet.fc = None
    return resnet(images).double().numpy()


def test_features_are_the_networks_own(tmp_path, weights):
    """Resized, normalised, one channel as three, up to the pooled last layer."""
    resnet, path = weights
    images = discs(tmp_path, 5)
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.3, 0.4])
    pixels = interpolate(
        torch.from_numpy(images.scaled()), (32, 32), mode="bilinear", antialias=True
    )
    given = ((pixels + 1) / 2 - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    found = described(images, path, mean=mean.tolist(), std=std.tolist())
    assert found.shape == (5, 512) and found.dtype == np.float64
    assert found == pytest.approx(pooled(resnet, given), rel=1e-5, abs=1e-6)


def test_an_earlier_layer_can_be_chosen(tmp_path, weights):
    """Of ResNet-18, layer2 has 128 channels."""
    assert described(discs(tmp_path, 2), weights[1], output="layer2").shape == (2, 128)


def test_a_volume_is_the_mean_of_its_three_central_slices(tmp_path, weights):
    """Each described as an image is."""
    volumes = discs(tmp_path / "volumes", 3, size=(10, 12, 14))
    pixels = volumes.scaled()
    describe = Pretrained.fit(volumes, options=options(weights[1], network="resnet18", size=32))
    slices = [pixels[:, :, 5], pixels[:, :, :, 6], pixels[:, :, :, :, 7]]
    expected = [describe._described(torch.from_numpy(np.ascontiguousarray(s))) for s in slices]
    assert describe(volumes) == pytest.approx(torch.stack(expected).mean(0).numpy())


def test_a_file_of_radimagenets_is_read_after_the_documented_conversion(tmp_path, weights):
    """The command of docs/pretrained-features.md, run on a `.pt` with that file's names."""
    resnet, _ = weights
    numbers = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
    state = {
        f"backbone.{numbers[name.split('.')[0]]}.{name.partition('.')[2]}": value
        for name, value in resnet.state_dict().items()
        if not name.startswith("fc.")
    }
    torch.save(state, tmp_path / "ResNet50.pt")
    page = (ROOT / "docs/pretrained-features.md").read_text(encoding="utf-8")
    code = page.partition('python -c "')[2].partition('"')[0]
    target = tmp_path / "converted.safetensors"
    subprocess.run([sys.executable, "-c", code, tmp_path / "ResNet50.pt", target], check=True)
    converted = load_file(target)
    assert all(torch.equal(converted[name], resnet.state_dict()[name]) for name in converted)
    images = discs(tmp_path / "images", 2)
    assert np.array_equal(described(images, target), described(images, weights[1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("layer3.0.conv1.weight"), "lacks layer3.0.conv1.weight"),
        (lambda state: state.update(extra=torch.zeros(1)), "has extra"),
        (lambda state: state.update({"bn1.bias": torch.zeros(3)}), r"bn1.bias has shape \(3,\)"),
        (lambda state: state["bn1.bias"].fill_(float("nan")), "not finite"),
    ],
    ids=["missing", "extra", "shape", "nan"],
)
def test_weights_of_another_network_are_refused(tmp_path, weights, change, message):
    """Every name and shape must fit; the first that does not is named."""
    state = {name: value.clone() for name, value in weights[0].state_dict().items()}
    change(state)
    save_file(state, tmp_path / "other.safetensors")
    with pytest.raises(ParameterError, match=message):
        described(discs(tmp_path / "images", 2), tmp_path / "other.safetensors")


def test_a_pickle_is_not_opened(tmp_path):
    """By its ending, and by what it holds whatever its ending."""
    torch.save({"a": torch.zeros(1)}, tmp_path / "net.pt")
    with pytest.raises(ParameterError, match=r"must end in .onnx or .safetensors"):
        options(tmp_path / "net.pt")
    (tmp_path / "net.pt").rename(tmp_path / "net.safetensors")
    with pytest.raises(ParameterError, match="cannot be read"):
        described(discs(tmp_path / "images", 2), tmp_path / "net.safetensors")


def test_options_are_checked_before_anything_runs(tmp_path, weights):
    """File, its hash, sizes, and the output's name."""
    path = weights[1]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert options(path, sha256=digest) == PretrainedOptions(file=str(path), sha256=digest)
    for values, message in (
        ({"sha256": "0" * 64}, "sha256"),
        ({"mean": [0.5, 0.5]}, "mean, std"),
        ({"output": "layer5"}, "output"),
        ({"file": str(tmp_path / "none.safetensors")}, "is not there"),
    ):
        with pytest.raises(ParameterError, match=message):
            options(path, **values)
    with pytest.raises(ParameterError, match="file"):
        options_of(FEATURES, "pretrained", {}, PLACE)


def test_images_of_other_channels_are_refused(tmp_path, weights):
    """Two channels fit no network of three."""
    with pytest.raises(DataError, match="has 2 channels"):
        described(discs(tmp_path, 2, channels=2), weights[1])


def test_without_the_extra_the_message_names_it(tmp_path, monkeypatch):
    """Whoever gives an ONNX file without onnxruntime reads how to install it."""
    (tmp_path / "net.onnx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ParameterError, match=r"pip install -e '\.\[onnx\]'"):
        described(discs(tmp_path / "images", 2), tmp_path / "net.onnx")


@pytest.fixture
def onnx_file(tmp_path):
    """A model with the pooled pixels as one output, and tokens of them as the other."""
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    onnx = pytest.importorskip("onnx", reason="no package to write an ONNX model with")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
            helper.make_node("Flatten", ["images"], ["flat"]),
            helper.make_node("Unsqueeze", ["flat", "axis"], ["row"]),
            helper.make_node("Neg", ["row"], ["row2"]),
            helper.make_node("Concat", ["row", "row2"], ["tokens"], axis=1),
        ],
        "pool",
        [helper.make_tensor_value_info("images", kind, ["n", 3, 8, 8])],
        [
            helper.make_tensor_value_info("pooled", kind, ["n", 3, 1, 1]),
            helper.make_tensor_value_info("tokens", kind, ["n", 2, 192]),
        ],
        [helper.make_tensor("axis", onnx.TensorProto.INT64, [1], [1])],
    )
    path = tmp_path / "net.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def test_an_onnx_model_gives_its_first_output_pooled(tmp_path, onnx_file):
    """Means over pixels, one a channel, of the normalised image."""
    images = discs(tmp_path / "images", 3, size=(8, 8))
    found = described(images, onnx_file, size=8, mean=[0.25], std=[0.5])
    means = ((images.scaled() + 1) / 2 - 0.25).mean((1, 2, 3)) / 0.5
    assert found == pytest.approx(np.repeat(means[:, None], 3, 1), rel=1e-5)


def test_of_tokens_the_first_stands_for_the_image(tmp_path, onnx_file):
    """As transformers give them; a wrong name lists the outputs."""
    images = discs(tmp_path / "images", 3, size=(8, 8))
    found = described(images, onnx_file, size=8, mean=[0.5], std=[0.5], output="tokens")
    assert found == pytest.approx(
        np.repeat(images.scaled(), 3, 1).reshape(3, -1).astype(np.float64), abs=1e-5
    )
    with pytest.raises(ParameterError, match=r"\['pooled', 'tokens'\]"):
        described(images, onnx_file, size=8, output="none")


def test_a_file_that_is_no_onnx_model_is_refused(tmp_path):
    """The message is the reader's, at the parameter."""
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    (tmp_path / "net.onnx").write_bytes(b"no model")
    with pytest.raises(ParameterError, match="cannot be read"):
        described(discs(tmp_path / "images", 2), tmp_path / "net.onnx")
