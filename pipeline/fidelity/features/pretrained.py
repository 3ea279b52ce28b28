"""Features of a network that was trained elsewhere, from weights in a local file.

Nothing is downloaded and nothing is unpickled: `file` is either an ONNX model (`.onnx`, any network
that takes (N, channels, size, size), e.g. Inception or DINO; needs the extra `onnx`), or
safetensors of a ResNet (`.safetensors`, e.g. RadImageNet's ResNet-50; see `resnet_weights`).
    assess:
      features: [fold_embedding, radiomics, pretrained]
      options:
        pretrained: {file: weights/radimagenet_resnet50.safetensors, network: resnet50}
Images go in at `size` pixels, from [-1, 1] to (pixel - mean) / std of [0, 1]. Volumes give the mean
over the three central slices. What comes out by position is averaged over positions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from pipeline.compute import Machine, Report
from pipeline.config import Augment, Count, Positive, Section
from pipeline.errors import DataError
from pipeline.fidelity.features import onnx_model, resnet_weights
from pipeline.imageset import ImageSet

Network = Callable[[Tensor], Tensor]
_BATCH = 64
_PLACE = "assess.options.pretrained.file"
_ENDINGS = (".onnx", ".safetensors")


class PretrainedOptions(Section):
    """What can be chosen.

    Args:
        file: The weights, `.onnx` or `.safetensors`, from the project's root or absolute.
        sha256: Of the file, checked where given; give it so that other weights are another
            parameter, for which DVC assesses again.
        size: Pixels along each side of what the network sees.
        channels: Channels that it takes; an image of one channel is repeated.
        mean: Of the weights' own training images in [0, 1], one number or one a channel.
        std: Their standard deviation, likewise.
        network: Of safetensors, which ResNet.
        output: Of ONNX, the output's name (null: the first); of safetensors, `layer1` to `layer4`
            (null: the last).
    """

    file: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    size: Count = 224
    channels: Literal[1, 3] = 3
    mean: tuple[float, ...] = (0.5,)
    std: tuple[Positive, ...] = (0.5,)
    network: Literal["resnet18", "resnet34", "resnet50"] = "resnet50"
    output: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        path = Path(self.file)
        if path.suffix not in _ENDINGS:
            raise ValueError(f"file: {self.file!r} must end in .onnx or .safetensors")
        if not path.is_file():
            raise ValueError(f"file: {self.file!r} is not there; put the weights there by hand")
        if self.sha256 is not None and self.sha256 != _digest(path):
            raise ValueError(f"sha256: {self.file!r} has {_digest(path)}; correct either")
        if {len(self.mean), len(self.std)} - {1, self.channels}:
            raise ValueError(f"mean, std: give one number, or {self.channels}")
        layers = [*resnet_weights.LAYERS, None]
        if path.suffix == ".safetensors" and self.output not in layers:
            raise ValueError(f"output: {self.output!r} is none of {', '.join(layers[:-1])}")  # type: ignore[arg-type]
        return self


class Pretrained:
    """A network from a file, as a feature extractor.

    Args:
        network: Maps (N, channels, size, size) to (N, D) or to (N, D, ...) by position.
        options: How images are prepared for it.
        machine: Where it runs.
    """

    Options = PretrainedOptions
    needs_masks: ClassVar[bool] = False

    def __init__(self, network: Network, options: PretrainedOptions, machine: Machine) -> None:
        self._network = network
        self._options = options
        self._machine = machine

    @classmethod
    def fit(
        cls,
        training: ImageSet,
        validation: ImageSet | None = None,
        *,
        options: PretrainedOptions,
        steps: int = 0,
        seed: int = 0,
        machine: Machine | None = None,
        augment: Augment | None = None,
        report: Report | None = None,
    ) -> Self:
        """Read the weights; no image is looked at.

        Raises:
            ParameterError: If a package is missing, or if the file holds another network.
        """
        del training, validation, steps, seed, augment, report
        machine = machine or Machine()
        path = Path(options.file)
        if path.suffix == ".onnx":
            network = onnx_model.load(path, options.output, threads=machine.threads, place=_PLACE)
        else:
            network = resnet_weights.load(
                path, options.network, options.channels, options.output, place=_PLACE
            ).to(machine.device)
        return cls(network, options, machine)

    @torch.no_grad()
    def __call__(self, images: ImageSet) -> NDArray[np.float64]:
        """Describe N images, (N, D).

        Raises:
            DataError: If images have more channels than one and other than the network takes.
        """
        if images.shape[0] not in (1, self._options.channels):
            raise DataError(
                images.root,
                f"has {images.shape[0]} channels, but the network of {self._options.file} takes "
                f"{self._options.channels}; take `pretrained` out of assess.features",
            )
        parts = []
        for start in range(0, len(images), _BATCH):
            pixels = torch.from_numpy(images.scaled(slice(start, start + _BATCH)))
            views = [self._described(view) for view in _views(pixels)]
            parts.append(torch.stack(views).mean(0))
        features: NDArray[Any] = torch.cat(parts).numpy()
        return features

    def _described(self, images: Tensor) -> Tensor:
        """(N, C, rows, columns) in [-1, 1] -> (N, D) float64 on the CPU."""
        size, channels = self._options.size, self._options.channels
        resized = functional.interpolate(
            images, (size, size), mode="bilinear", align_corners=False, antialias=True
        )
        mean, std = (
            torch.tensor(each).view(1, -1, 1, 1) for each in (self._options.mean, self._options.std)
        )
        seen = ((resized + 1.0) / 2.0 - mean) / std
        found = self._network(seen.expand(-1, channels, -1, -1).to(self._machine.device)).cpu()
        return found.double().flatten(2).mean(2) if found.ndim > 2 else found.double()


def _views(pixels: Tensor) -> list[Tensor]:
    """An image itself; of a volume the central slice across each axis."""
    if pixels.ndim == 4:
        return [pixels]
    return [pixels.select(axis, pixels.shape[axis] // 2) for axis in (2, 3, 4)]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
