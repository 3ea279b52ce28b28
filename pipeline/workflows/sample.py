"""The command sample: a few images from a trained family, whenever somebody wants some.

Outside DVC: what it writes is nobody's input. Images are those of the family's package, bit by
bit, and image i of a class depends on the label, the seed, i and the model alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Params
from pipeline.errors import DataError, choose_one_of
from pipeline.gan.naming import file_name
from pipeline.imageset import ImageSet
from pipeline.new_directory import new_directory

_SHOWN = 16


@dataclass(frozen=True)
class Order:
    """What is wanted.

    Args:
        family: A trained family.
        label: A class, or None for all of them.
        count: Images of each class.
        seed: Of the images.
        model: Whose: the fold and GAN seed, e.g. `r0f0g0`.
        out: A directory that is not there yet; None names one after the rest.
    """

    family: str
    label: str | None = None
    count: int = 16
    seed: int = 0
    model: str = "r0f0g0"
    out: Path | None = None

    def directory(self, root: Path) -> Path:
        """Where the images go."""
        of = "" if self.label is None else f"-{file_name(self.label)}"
        name = f"{self.family}-{self.model}-s{self.seed}{of}"
        return root / (self.out or Path("samples") / name)


def run(
    params: Params, root: Path, order: Order, advance: Callable[[int], None] = lambda _: None
) -> Path:
    """Write an ImageSet and a picture of some of it, `preview.png`, and return where.

    Raises:
        DataError: If the family or the class is none, the directory is there already, or models
            or training rows are missing.
    """
    from pipeline.gan.generator import image_seed
    from pipeline.gan.sets import spacing_by_parents, write_samples
    from pipeline.gan.trained import locate, open_trained

    out = order.directory(root)
    with new_directory(out) as half:
        generator = open_trained(params.compute, root, order.family, order.model)
        _, template = locate(root, order.family, order.model)
        classes = generator.classes
        if order.label is not None and order.label not in classes:
            raise DataError("--label", choose_one_of(order.label, classes))
        labels = classes if order.label is None else (order.label,)
        write_samples(
            half,
            generator,
            dict.fromkeys(labels, order.count),
            lambda label, index: image_seed(order.seed, label, index),
            prefix=f"{order.family}-{order.model}-s{order.seed}",
            advance=advance,
            spacing=spacing_by_parents(template),
        )
        _show(half)
    return out


def _show(directory: Path) -> None:
    """Draw some images of each class in a row."""
    from pipeline.gan.previews import save_grid

    images = ImageSet.open(directory)
    rows = [
        (images.labels == label).nonzero()[0][:_SHOWN] for label in range(len(images.meta.classes))
    ]
    save_grid(directory / "preview.png", [images.scaled(row) for row in rows])
