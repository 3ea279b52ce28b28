"""What is known of a generator, for the cards that go with its images and with its weights.

Both cards say where it comes from, under which licence, how it was assessed, and what it is for;
they read it here, so that they say the same. To tell more: a field of `Facts`, and a line in
`card.py` and in `bundle/card.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline import jsonfile
from pipeline.config import Params
from pipeline.fidelity.figures import FIGURES
from pipeline.imageset import ImageSet

PURPOSE = "Synthetic images for research and for training classifiers, not for diagnosis."
UNKNOWN = "unknown"
_SIMULATED = {"phantom": "a phantom: simulated scans, no patients"}
_NO_LICENCE = "none needed: the training images are simulated, none is of a patient"


@dataclass(frozen=True)
class Facts:
    """What holds for all that a generator made.

    Args:
        name: The generator: a family, or what a set from outside is called.
        seed: The root seed, from which identifiers are derived.
        source: The kind of scans that the generator learnt from, where it was trained here.
        given_licence: Of these scans, as the person says who runs the pipeline.
        options: The parameters that were given to it, where it was trained here.
        selection: By set and class, what `selection.json` says.
        assessment: The content of metrics/assess/<name>.json, where it was assessed.
    """

    name: str
    seed: int
    source: str | None = None
    given_licence: str | None = None
    options: Mapping[str, Any] | None = None
    selection: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    assessment: Mapping[str, Any] | None = None

    @property
    def origin(self) -> str:
        """The scans that it learnt from, in words."""
        return UNKNOWN if self.source is None else _SIMULATED.get(self.source, self.source)

    @property
    def licence(self) -> str:
        """Of these scans, in words; simulated ones need none."""
        return self.given_licence or (_NO_LICENCE if self.source in _SIMULATED else UNKNOWN)

    @property
    def folds(self) -> Mapping[str, Mapping[str, Any]]:
        """What was assessed, by fold and GAN seed; nothing where it was not."""
        found: Mapping[str, Mapping[str, Any]] = (self.assessment or {}).get("folds", {})
        return found


def facts_of(
    params: Params, root: Path, name: str, *, trained_here: bool, sets: Sequence[ImageSet] = ()
) -> Facts:
    """Gather what a project knows of a generator.

    Args:
        params: For its options and for the scans, which say nothing of a generator from outside.
        root: The project's root.
        name: A family, or what a set from outside is called.
        trained_here: Whether it is a family's, which learnt from the project's scans.
        sets: Its images, for what selection found.

    Raises:
        DataError: If a document of an earlier stage is not readable.
    """
    return Facts(
        name=name,
        seed=params.seed,
        source=params.ingest.source if trained_here else None,
        given_licence=params.ingest.licence if trained_here else None,
        options=params.train_gan.options.get(name, {}) if trained_here else None,
        selection={
            images.root.name: found
            for images in sets
            if (found := _figures(images.root / "selection.json")) is not None
        },
        assessment=_figures(root / "metrics" / "assess" / f"{name}.json"),
    )


def figure_title(name: str) -> str:
    """What a figure of the stage assess is called in cards."""
    return FIGURES[name][0] if name in FIGURES else name


def version(name: str) -> str | None:
    """The version of an installed distribution, or None where it is absent."""
    try:
        # What follows a plus is the build, e.g. `cpu`, which no index has.
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def _figures(path: Path) -> dict[str, Any] | None:
    return jsonfile.read(path) if path.exists() else None
