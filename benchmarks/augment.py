"""Time classical augmentation against MONAI, and against TorchIO, Albumentations and Kornia.

    python benchmarks/augment.py [--repeats 5]

Every library rotates, shifts, scales, flips, changes gamma and adds noise to every image. Figures
are milliseconds of processor time an image, on one thread: the least of some rounds in which all
take turns, so that a busy machine changes them little and their ratio less. Libraries that are not
installed are left out. Below that, what the pipeline's defaults cost (with elastic displacement and
blur), and DiffAugment's share of a GAN step.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from pipeline.augment import differentiable
from pipeline.augment.choice import choose
from pipeline.augment.classical import ClassicalAugmentation
from pipeline.augment.intensity import IntensityRanges
from pipeline.augment.spatial import SpatialRanges
from pipeline.config import Augment

DEGREES, SHIFT, SCALE, GAMMA, NOISE = 20.0, 0.08, 0.1, 0.1, 0.02
SIZES = {"64x64": (64, 1, 64, 64), "32x32x32": (8, 1, 32, 32, 32)}
POLICIES = ("brightness", "contrast", "translation", "cutout", "flip")
Contender = Callable[[Tensor], object]


def pipeline_batch(shape: tuple[int, ...]) -> Contender:
    """Ours with one generator a batch, as online."""
    augment = _ours(shape)
    rng = torch.Generator().manual_seed(0)
    return lambda images: augment(images, rng=rng)


def pipeline_replayable(shape: tuple[int, ...]) -> Contender:
    """Ours with one generator an image, as materialised."""
    augment = _ours(shape)
    return lambda images: augment(
        images, rng=[np.random.default_rng(index) for index in range(len(images))]
    )


def monai(shape: tuple[int, ...]) -> Contender:
    """MONAI's random array transforms, image by image."""
    from monai import transforms

    dims = len(shape) - 2
    turns = 1 if dims == 2 else 3
    compose = transforms.Compose(
        [
            transforms.RandAffine(
                prob=1.0,
                rotate_range=[math.radians(DEGREES)] * turns,
                translate_range=[SHIFT * length for length in shape[2:]],
                scale_range=[SCALE] * dims,
                padding_mode="reflection",
            ),
            *[transforms.RandFlip(prob=0.5, spatial_axis=axis) for axis in range(dims)],
            transforms.RandAdjustContrast(prob=1.0, gamma=(1 / (1 + GAMMA), 1 + GAMMA)),
            transforms.RandGaussianNoise(prob=1.0, std=NOISE),
        ]
    )
    return lambda images: torch.stack([torch.as_tensor(compose(image)) for image in images])


def torchio(shape: tuple[int, ...]) -> Contender:
    """TorchIO's random transforms, image by image; a 2D image is a volume of one slice."""
    import torchio as tio

    dims = len(shape) - 2
    turns = (DEGREES,) * 3 if dims == 3 else (0, 0, 0, 0, -DEGREES, DEGREES)
    shifts = [SHIFT * length for length in shape[2:]] + [0.0] * (3 - dims)
    compose = tio.Compose(
        [
            tio.RandomAffine(
                scales=SCALE,
                degrees=turns,
                translation=tuple(each for shift in shifts for each in (-shift, shift)),
                isotropic=True,
            ),
            tio.RandomFlip(axes=tuple(range(dims)), flip_probability=0.5),
            tio.RandomGamma(log_gamma=math.log1p(GAMMA)),
            tio.RandomNoise(std=(0, NOISE)),
        ]
    )

    def augment(images: Tensor) -> Tensor:
        volumes = images if dims == 3 else images.unsqueeze(-1)
        return torch.stack([compose(volume) for volume in volumes])

    return augment


def albumentations(shape: tuple[int, ...]) -> Contender | None:
    """Albumentations, image by image, in 2D."""
    if len(shape) != 4:
        return None
    import albumentations as alb

    compose = alb.Compose(
        [
            alb.Affine(
                scale=(1 - SCALE, 1 + SCALE),
                translate_percent=(-SHIFT, SHIFT),
                rotate=(-DEGREES, DEGREES),
                border_mode=2,
                p=1.0,
            ),
            alb.HorizontalFlip(p=0.5),
            alb.VerticalFlip(p=0.5),
            alb.RandomGamma(gamma_limit=(100 / (1 + GAMMA), 100 * (1 + GAMMA)), p=1.0),
            alb.GaussNoise(std_range=(0, NOISE), p=1.0),
        ]
    )

    def augment(images: Tensor) -> list[object]:
        unit = ((images + 1) / 2).numpy()  # it wants float images in [0, 1], channels last
        return [compose(image=image.transpose(1, 2, 0))["image"] for image in unit]

    return augment


def kornia(shape: tuple[int, ...]) -> Contender | None:
    """Kornia on the batch, in 2D."""
    if len(shape) != 4:
        return None
    import kornia.augmentation as kor

    steps = kor.AugmentationSequential(
        kor.RandomAffine(
            DEGREES, (SHIFT, SHIFT), (1 - SCALE, 1 + SCALE), padding_mode="reflection", p=1.0
        ),
        kor.RandomHorizontalFlip(p=0.5),
        kor.RandomVerticalFlip(p=0.5),
        kor.RandomGamma((1 / (1 + GAMMA), 1 + GAMMA), p=1.0),
        kor.RandomGaussianNoise(std=NOISE, p=1.0),
    )
    return lambda images: steps((images + 1) / 2)


CONTENDERS: Mapping[str, Callable[[tuple[int, ...]], Contender | None]] = {
    "monai": monai,
    "torchio": torchio,
    "albumentations": albumentations,
    "kornia": kornia,
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for name, shape in SIZES.items():
        images = torch.rand(shape) * 2 - 1
        best = race(entrants(shape), images, repeats)
        ours = best["this pipeline"] / len(images)
        print(f"\n{name}, the same transforms in every library")
        for library, seconds in best.items():
            each = seconds / len(images)
            print(f"  {library:<32}{each * 1e3:8.3f} ms an image{each / ours:8.1f} x")
        defaults = choose(Augment(), len(shape) - 2)
        rng = torch.Generator().manual_seed(0)
        cost = race({"": lambda x, d=defaults, r=rng: d(x, rng=r)}, images, repeats)[""]
        print(
            f"  {'defaults, with elastic and blur':<32}{cost / len(images) * 1e3:8.3f} ms an image"
        )
    print(f"\nDiffAugment ({', '.join(POLICIES)}), forward and backward")
    for shape in ((32, 1, 32, 32), (32, 1, 64, 64), (8, 1, 32, 32, 32)):
        seconds = race({"": diff_augment()}, torch.rand(shape), 5 * repeats)[""]
        print(f"  {'x'.join(map(str, shape)):<32}{seconds * 1e3:8.3f} ms a batch")


def entrants(shape: tuple[int, ...]) -> dict[str, Contender]:
    """Ours, and the libraries that are installed and take such images."""
    found: dict[str, Contender] = {
        "this pipeline": pipeline_batch(shape),
        "this pipeline, replayable": pipeline_replayable(shape),
    }
    for library, build in CONTENDERS.items():
        contender = build(shape) if importlib.util.find_spec(library) else None
        if contender is not None:
            found[library] = contender
    return found


def diff_augment() -> Contender:
    """Augment what a discriminator sees, and send a gradient back."""
    rng = torch.Generator().manual_seed(0)

    def step(images: Tensor) -> None:
        seen = images.requires_grad_()
        differentiable.augment(seen, POLICIES, rng=rng).square().sum().backward()

    return step


def race(contenders: Mapping[str, Contender], images: Tensor, repeats: int) -> dict[str, float]:
    """The least seconds of processor time over rounds in which all contenders take turns."""
    best = dict.fromkeys(contenders, math.inf)
    for turn in range(repeats + 1):
        for name, contender in contenders.items():
            start = time.process_time()
            contender(images)
            if turn:  # the first round warms up
                best[name] = min(best[name], time.process_time() - start)
    return best


def _ours(shape: tuple[int, ...]) -> ClassicalAugmentation:
    axes = tuple(range(len(shape) - 2))
    return ClassicalAugmentation(
        SpatialRanges(DEGREES, axes, SHIFT, SCALE), IntensityRanges(gamma=GAMMA, noise=NOISE)
    )


if __name__ == "__main__":
    main()
