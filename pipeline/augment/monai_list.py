"""A user's own list of MONAI transforms, by name, as the augmentation.

`augment.monai: [{name: RandFlipd, prob: 0.5, spatial_axis: 0}, {name: RandGaussianNoise}]`.
Array and dictionary transforms (names ending in `d`) may be mixed. They work image by image on
intensities in [-1, 1], each seeded for its image. Those that move pixels move the mask too, by the
nearest pixel; all others see the image alone.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor

from pipeline.augment.classical import Augmented
from pipeline.augment.draws import Rng, seeds
from pipeline.errors import ParameterError

_PLACE = "augment.monai"
_EXAMPLE = "write e.g. {name: RandFlip, prob: 0.5, spatial_axis: 0}"


@dataclass(frozen=True)
class Step:
    """One transform of the list.

    Args:
        place: Where in params.yaml it is written.
        name: The name of a class in `monai.transforms`.
        image: The transform for images; a dictionary transform works on the key `image`.
        mask: Its twin for masks, by the nearest pixel; None if it moves no pixels.
        dictionary: Whether both take a dictionary.
    """

    place: str
    name: str
    image: Callable[[Any], Any]
    mask: Callable[[Any], Any] | None
    dictionary: bool


@dataclass(frozen=True)
class MonaiList:
    """Apply MONAI transforms to each image of a batch.

    Args:
        steps: The transforms, in order.
    """

    steps: tuple[Step, ...]

    @classmethod
    def build(cls, listed: Sequence[Mapping[str, Any]]) -> MonaiList:
        """Build the transforms of the list as it stands in params.yaml.

        Raises:
            ParameterError: If MONAI has no such transform, or it refuses its arguments.
        """
        return cls(tuple(_step(f"{_PLACE}[{at}]", item) for at, item in enumerate(listed)))

    def __call__(
        self,
        images: Tensor,
        *,
        rng: Rng,
        masks: Tensor | None = None,
        spacing: Tensor | None = None,  # noqa: ARG002 - MONAI turns pixels, not millimetres
    ) -> Augmented:
        """Augment a batch; see `classical.Augmentation`.

        Raises:
            ParameterError: If a transform fails on an image, changes its shape or its mask's, or
                makes it other than finite.
        """
        changed, moved = [], []
        for index, seed in enumerate(seeds(rng, len(images))):
            image = images[index].cpu()
            mask = None if masks is None else masks[index].cpu().to(image.dtype)
            for offset, step in enumerate(self.steps):
                image = _applied(step, step.image, image, seed + offset)
                if mask is not None and step.mask is not None:
                    mask = _applied(step, step.mask, mask, seed + offset)
            changed.append(image.clamp(-1, 1))
            if mask is not None:
                moved.append(mask.round())
        result = torch.stack(changed).to(images)
        return Augmented(result, None if masks is None else torch.stack(moved).to(masks))


def _step(place: str, item: Mapping[str, Any]) -> Step:
    import monai.transforms
    from monai.transforms.transform import MapTransform

    name = item.get("name")
    if not isinstance(name, str):
        raise ParameterError(place, f"has no name; {_EXAMPLE}")
    kind = getattr(monai.transforms, name, None)
    if not _is_transform(kind):
        raise ParameterError(f"{place}.name", _unknown(name))
    if "keys" in item:
        raise ParameterError(f"{place}.keys", "is set by the pipeline; take it out")
    dictionary = issubclass(kind, MapTransform)
    arguments = {key: value for key, value in item.items() if key != "name"}
    if dictionary:
        arguments["keys"] = ["image"]
    nearest = dict(arguments)
    if ".spatial." in kind.__module__ and "mode" in inspect.signature(kind).parameters:
        nearest["mode"] = "nearest"
    try:
        image = kind(**arguments)
        mask = kind(**nearest) if _moves(kind) else None
    except Exception as error:  # whatever a class of MONAI's does with a wrong argument
        raise ParameterError(place, f"{name} refuses its arguments: {_sentence(error)}") from error
    return Step(place, name, image, mask, dictionary)


def _is_transform(kind: Any) -> TypeGuard[type[Any]]:
    from monai.transforms.transform import Transform

    return inspect.isclass(kind) and issubclass(kind, Transform)


def _unknown(name: str) -> str:
    import monai.transforms

    names = [
        each for each in dir(monai.transforms) if _is_transform(getattr(monai.transforms, each))
    ]
    near = difflib.get_close_matches(name, names, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else _EXAMPLE
    return f"got {name!r}, which is no transform of MONAI's; {hint}"


def _moves(kind: type[Any]) -> bool:
    """Tell by where MONAI files a transform; two are filed elsewhere than they belong."""
    if kind.__name__.startswith("RandSimulateLowResolution"):
        return False
    filed = any(part in kind.__module__ for part in (".spatial.", ".croppad."))
    return filed or kind.__name__.startswith("RandSmoothDeform")


def _applied(step: Step, transform: Any, given: Tensor, seed: int) -> Tensor:
    from monai.transforms.transform import Randomizable

    if isinstance(transform, Randomizable):
        transform.set_random_state(seed=seed)
    try:
        made = transform({"image": given})["image"] if step.dictionary else transform(given)
        result = torch.as_tensor(made).as_subclass(Tensor).to(given.dtype)
    except Exception as error:  # whatever a transform does with an image that it cannot take
        problem = f"{step.name} fails on images of shape {tuple(given.shape)}: {_sentence(error)}"
        raise ParameterError(step.place, problem) from error
    if result.shape != given.shape:
        problem = f"turns images of shape {tuple(given.shape)} into {tuple(result.shape)}"
        raise ParameterError(step.place, f"{step.name} {problem}; take one that keeps it")
    if not bool(torch.isfinite(result).all()):
        raise ParameterError(step.place, f"{step.name} makes values that are not finite")
    return result


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
