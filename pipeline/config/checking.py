"""Check what a section alone cannot know: names in registries, their options, arms and families.

To add a check: a function of the parameters that raises `ParameterError`, called by
`check_everything`.
"""

from __future__ import annotations

import re

from pipeline.config.reading import options_of
from pipeline.config.sections import Arm, Params
from pipeline.errors import ParameterError, choose_one_of
from pipeline.registry import (
    CLASSIFIERS,
    DIETS,
    EXPORTS,
    FAMILIES,
    FEATURES,
    READERS,
    RECIPES,
    SELECTORS,
    SOURCES,
    Registry,
)


def check_everything(params: Params) -> None:
    """Check what the sections alone cannot: names in registries, options, arms, families.

    Raises:
        ParameterError: At the first parameter that is wrong.
    """
    _known(SOURCES, params.ingest.source, "ingest.source")
    options_of(SOURCES, params.ingest.source, params.ingest.options, "ingest.options")
    for family in params.train_gan.families:
        place = f"train_gan.options.{family}"
        _known(FAMILIES, family, "train_gan.families")
        if family not in params.train_gan.options:
            raise ParameterError(place, f"is absent; add `{family}: {{}}` for its defaults")
        options_of(FAMILIES, family, params.train_gan.options[family], place)
    _check_asked(params)
    _check_external(params)
    _check_features(params)
    for name in params.synthesize.selection.criteria:
        _known(SELECTORS, name, "synthesize.selection.criteria")
    _known(CLASSIFIERS, params.classify.model, "classify.model")
    options_of(CLASSIFIERS, params.classify.model, params.classify.options, "classify.options")
    _check_exports(params)
    _check_arms(params)
    for family in params.curves.families:
        if family not in params.synthetic:
            raise ParameterError("curves.families", choose_one_of(family, params.synthetic))


def _check_asked(params: Params) -> None:
    """Refuse attributes asked of a family that is not trained, or that is told none.

    Which columns and levels there are, the scans tell: `synthesize` checks them.
    """
    for family in params.synthesize.attributes:
        place = f"synthesize.attributes.{family}"
        if family not in params.train_gan.families:
            raise ParameterError(place, choose_one_of(family, params.train_gan.families))
        if not hasattr(DIETS.load(FAMILIES.load(family).batches), "ask"):
            raise ParameterError(place, f"`{family}` is told no attributes; ask `stackgan`")


def _check_external(params: Params) -> None:
    """Refuse names that are a family's or no directory's, and unknown formats."""
    for name, settings in params.synthesize.external.items():
        place = f"synthesize.external.{name}"
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name) is None:
            raise ParameterError(place, "its name may hold letters, digits, - and _ only")
        if name in FAMILIES:
            raise ParameterError(place, "is the name of a family; choose another")
        if settings.format is not None:
            _known(READERS, settings.format, f"{place}.format")


def _check_features(params: Params) -> None:
    """Refuse unknown feature extractors, wrong options, and options of one that is not used."""
    assess = params.assess
    if FEATURES.load(assess.features[0], "assess.features").needs_masks:
        raise ParameterError(
            "assess.features",
            f"begins with {assess.features[0]!r}, which describes images with masks alone; put "
            "`fold_embedding` or another before it",
        )
    for name in assess.features:
        _known(FEATURES, name, "assess.features")
        values = assess.options.get(name, {})
        options_of(FEATURES, name, values, f"assess.options.{name}")
    for name in assess.options:
        if name not in assess.features:
            raise ParameterError(f"assess.options.{name}", choose_one_of(name, assess.features))


def _check_exports(params: Params) -> None:
    """Refuse unknown formats, wrong options, and options of a format that there is not.

    Options of a format that is not chosen may stay: the command `export` can ask for it.
    """
    for name in params.export.formats:
        _known(EXPORTS, name, "export.formats")
    for name, values in params.export.options.items():
        _known(EXPORTS, name, "export.options")
        options_of(EXPORTS, name, values, f"export.options.{name}")


def _check_arms(params: Params) -> None:
    arms = params.classify.arms
    if not arms:
        raise ParameterError("classify.arms", "is empty; list at least one arm")
    for name, arm in arms.items():
        place = f"classify.arms.{name}"
        if re.fullmatch(r"[\w+-][\w +-]*", name) is None:
            raise ParameterError(
                place, "its name may hold letters, digits, blanks, +, - and _ only"
            )
        _known(RECIPES, arm.recipe, f"{place}.recipe")
        _check_images(arm, f"{place}.images")
        if RECIPES.load(arm.recipe).takes_synthetic:
            _check_synthetic(arm, params, f"{place}.images")
    if params.compare.baseline not in arms:
        raise ParameterError("compare.baseline", choose_one_of(params.compare.baseline, arms))
    for name in params.compare.headline or ():
        others = [arm for arm in arms if arm != params.compare.baseline]
        if name not in others:
            raise ParameterError("compare.headline", choose_one_of(name, others))


def _check_synthetic(arm: Arm, params: Params, place: str) -> None:
    """Refuse synthetic images that no stage makes."""
    directory, _, name = arm.images.rpartition("/")
    if directory != "data/synthetic":
        known = [f"data/synthetic/{each}" for each in params.synthetic]
        raise ParameterError(place, choose_one_of(arm.images, known))
    if name not in params.synthetic:
        raise ParameterError(
            place,
            f"needs the family {name!r}, which train_gan.families lacks, as does "
            "synthesize.external; add it there, or take the arm out",
        )


def _check_images(arm: Arm, place: str) -> None:
    """Refuse images that the recipe would ignore, and their lack where it needs them."""
    takes_synthetic = RECIPES.load(arm.recipe).takes_synthetic
    if takes_synthetic and arm.images == "data/augmented":
        raise ParameterError(
            place, f"the recipe {arm.recipe!r} needs synthetic images, e.g. data/synthetic/dcgan"
        )
    if not takes_synthetic and arm.images != "data/augmented":
        raise ParameterError(
            place,
            f"got {arm.images!r}, which the recipe {arm.recipe!r} would ignore; use data/augmented",
        )
    if arm.selected and not takes_synthetic:
        raise ParameterError(
            f"{place.removesuffix('images')}selected",
            f"got true, but the recipe {arm.recipe!r} takes no synthetic images; take it out",
        )


def _known(registry: Registry, name: str, parameter: str) -> None:
    if name not in registry:
        raise ParameterError(parameter, choose_one_of(name, registry))
