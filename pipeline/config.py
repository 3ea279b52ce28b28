"""params.yaml -> frozen, validated models; the only reader of parameters.

One class a section. `load` reads and checks one file whole, the families', the source's and the
recipes' own options included, so that a mistake shows before anything long runs. To add a
parameter: a field with a type, a bound and a default here, and the line in params.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import DataError, ParameterError, choose_one_of
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

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
MetricName = Literal[
    "accuracy", "balanced_accuracy", "sensitivity", "specificity", "auc", "f1", "ece"
]


# What may be known of a generator's training patients, other than a list of them.
UNKNOWN, ELSEWHERE = "unknown", "elsewhere"


class Section(BaseModel):
    """A part of params.yaml: frozen, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Compute(Section):
    """How to compute. `threads` and `workers` are part of what makes bytes repeatable."""

    device: str = "auto"
    threads: Count = 1
    workers: Count = 2
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"


class Tracking(Section):
    """How MLflow is used; the store itself is MLFLOW_TRACKING_URI or <root>/mlflow.db."""

    enabled: bool = True
    experiment: str = "augmentation"


class Ingest(Section):
    """Which scans, and how each becomes an image of one shape."""

    source: str
    path: str = "data/raw"
    size: tuple[Count, ...] = (32, 32)
    window: tuple[float, float] | None = None
    classes: tuple[str, ...] | None = None
    positive_class: str | None = None
    max_quarantined: Share = 0.1
    licence: str | None = None
    options: Mapping[str, Any] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.size) not in (2, 3):
            raise ValueError("size: give two numbers for 2D or three for 3D")
        if self.window is not None and self.window[0] >= self.window[1]:
            raise ValueError("window: give the lower value first")
        return self


class Duplicates(Section):
    """How near duplicates are found and what happens to groups with contradicting labels."""

    enabled: bool = True
    max_hash_distance: int = Field(default=6, ge=0, le=64)
    min_correlation: float = Field(default=0.9, ge=0.0, le=1.0)
    mirrored: bool = True
    contradicting: Literal["exclude", "keep_together"] = "exclude"


class Split(Section):
    """How images are divided into train, validation and test."""

    scheme: Literal["kfold", "holdout", "official"] = "kfold"
    folds: int = Field(default=3, ge=2)
    repeats: Count = 1
    val_share: float = Field(default=0.15, gt=0.0, lt=0.9)
    test_share: float = Field(default=0.3, gt=0.0, lt=0.9)
    train_patients: int | float | tuple[int | float, ...] | None = None
    duplicates: Duplicates = Duplicates()

    @property
    def sizes(self) -> tuple[int | float | None, ...]:
        """The sizes of the training part, the headline one first; None stands for all of it."""
        given = self.train_patients
        return given if isinstance(given, tuple) else (given,)

    @field_validator("train_patients", mode="before")
    @classmethod
    def _check_sizes(cls, value: object) -> object:
        sizes = list(value) if isinstance(value, list | tuple) else [value]
        for size in [] if value is None else sizes:
            # By type, because YAML's `1` is one patient, `1.0` all of them and `true` a mistake.
            patients, share = type(size) is int and size >= 2, type(size) is float and 0 < size <= 1
            if not (patients or share):
                raise ValueError(
                    "give two patients or more as a whole number, or a share of a fold's training "
                    "patients above 0 and up to 1.0, or a list of such sizes, or null for all"
                )
        if not sizes or len(set(sizes)) < len(sizes):
            raise ValueError("give each size once, the one that decides first, or null for all")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.scheme != "kfold" and self.repeats > 1 and self.train_patients is None:
            raise ValueError(
                f"repeats: {self.scheme} has one fold; give 1, use scheme: kfold, or limit "
                "train_patients, so that each repeat draws others"
            )
        return self


class Augment(Section):
    """The materialised, classically augmented training set of each fold."""

    copies: Count = 4
    max_gib: Positive = 8.0
    rotation_degrees: NotNegative | tuple[NotNegative, ...] = 180.0
    flip: bool | tuple[int, ...] = True
    translation: Share = 0.08
    scale: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    elastic: NotNegative = 0.03
    brightness: NotNegative = 0.05
    contrast: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    gamma: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    noise: NotNegative = 0.02
    blur: NotNegative = 0.5
    monai: tuple[Mapping[str, Any], ...] = ()


class TrainGan(Section):
    """Which families are trained; what each does is under `options`."""

    families: tuple[str, ...] = ("conditional", "dcgan")
    gan_seeds: Count = 1
    options: Mapping[str, Mapping[str, Any]] = {}


class Selection(Section):
    """Which samples are good enough to use: a share of each class that passes all criteria.

    `spread` chooses the most varied of what passes rather than the best, `neighbours` is k of the
    realism score's neighbourhoods, and `near_share` the share of training rows that may lie as
    near to another patient's as a copy does.
    """

    enabled: bool = True
    keep: float = Field(default=0.5, gt=0.0, le=1.0)
    criteria: tuple[str, ...] = ("label_confidence", "realism", "copies")
    spread: bool = True
    neighbours: Count = 3
    near_share: Share = 0.05


class External(Section):
    """A set of images that another generator made, to be compared as an arm.

    `path` is a file or a directory, or a directory of one set a fold, `r0f0`, `r0f1`, ...;
    `format` a reader, null for what lies there. `trained_on` says which patients the generator
    saw: a CSV file below `path` with an identifier a line, as in the scans; `elsewhere` for none of
    these patients; `unknown`. `classes` are theirs -> ours. `unit` and `window` (values that are
    black and white) are given where the set does not say them. A greater share of broken images
    than `max_quarantined` stops the stage.
    """

    path: str
    trained_on: str
    format: str | None = None
    classes: Mapping[str, str] = {}
    unit: str | None = None
    window: tuple[float, float] | None = None
    max_quarantined: Share = 0.1

    @field_validator("classes", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        """Take numbers for names: YAML reads the key of `1: cyst` as one."""
        return {str(k): v for k, v in value.items()} if isinstance(value, Mapping) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.trained_on not in (UNKNOWN, ELSEWHERE) and not self.trained_on.endswith(".csv"):
            raise ValueError(
                "trained_on: give a CSV file of the patients that the generator saw, "
                f"{ELSEWHERE!r} if it saw none of these patients, or {UNKNOWN!r}"
            )
        if self.window is not None and self.window[0] >= self.window[1]:
            raise ValueError("window: give the lower value first")
        return self


class Synthesize(Section):
    """How many samples are drawn from each trained model, and what is asked of them.

    `attributes` are by family and then by column of the manifest the level that all of a family's
    images shall have, for families that are told attributes. `external` are by name the sets that
    other generators made.
    """

    per_class: Count = 200
    counts: Mapping[str, Annotated[int, Field(ge=0)]] = {}
    attributes: Mapping[str, Mapping[str, str]] = {}
    batch: Count = 64
    selection: Selection = Selection()
    external: Mapping[str, External] = {}


class Copies(Section):
    """How copies of training images are looked for.

    `false_alarm` is the share of fresh images that may be flagged in each space, `overall_alarm`
    the chance that copies are found where there are none; `shift` is in pixels.
    """

    false_alarm: float = Field(default=0.01, gt=0.0, lt=0.5)
    overall_alarm: float = Field(default=0.05, gt=0.0, lt=0.5)
    shift: int = Field(default=2, ge=0)
    pairs_shown: Count = 8


class Assess(Section):
    """Fidelity, diversity and copies of the synthetic images.

    `features` are feature extractors, the first for the headline; `options` are by extractor.
    """

    features: Annotated[tuple[str, ...], Field(min_length=1)] = ("fold_embedding", "radiomics")
    options: Mapping[str, Mapping[str, Any]] = {}
    embedding_steps: Count = 200
    neighbours: Count = 5
    floor_repeats: Count = 20
    copies: Copies = Copies()


class Arm(Section):
    """What one classifier is trained on: a recipe, and the images that are special to it.

    `selected` leaves out the synthetic images that `synthesize` did not select.
    """

    recipe: str
    images: str
    selected: bool = False


class Classify(Section):
    """How classifiers are trained: the same for every arm."""

    model: str = "small_resnet"
    options: Mapping[str, Any] = {}
    seeds: Count = 3
    steps: Count = 300
    batch: Count = 64
    learning_rate: Positive = 2e-3
    weight_decay: NotNegative = 1e-2
    synthetic_share: float | tuple[float, ...] = 0.5
    evaluate_every: Count = 50
    averaging: float = Field(default=0.98, ge=0.0, lt=1.0)
    mixup_alpha: Positive = 0.4
    arms: Mapping[str, Arm]

    @property
    def shares(self) -> tuple[float, ...]:
        """The synthetic shares that are tried, of which validation chooses one in each fold."""
        given = self.synthetic_share
        return given if isinstance(given, tuple) else (given,)

    @field_validator("synthetic_share", mode="before")
    @classmethod
    def _check_shares(cls, value: object) -> object:
        shares = list(value) if isinstance(value, list | tuple) else [value]
        if not all(type(share) is float and 0 < share < 1 for share in shares):
            raise ValueError("give a number above 0 and below 1, or a list of them to choose from")
        if not shares or len(set(shares)) < len(shares):
            raise ValueError("give each share once")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not all(1 <= share * self.batch <= self.batch - 1 for share in self.shares):
            raise ValueError("synthetic_share: leaves no real or no synthetic image in a batch")
        return self


class Curves(Section):
    """The chart of accuracy over the number of images added; without sizes it stays empty."""

    classical: tuple[Annotated[int, Field(ge=0)], ...] = ()
    synthetic: tuple[Count, ...] = ()
    families: tuple[str, ...] = ()
    seeds: Count = 1

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("classical", "synthetic", "families"):
            given = getattr(self, name)
            if len(set(given)) < len(given):
                raise ValueError(f"{name}: give each once")
        if self.synthetic and not self.classical:
            raise ValueError("synthetic: goes on from the best of `classical`; give sizes there")
        return self


class Compare(Section):
    """Which metric decides, against which arm, and how large a difference matters."""

    primary: MetricName = "balanced_accuracy"
    baseline: str = "classical"
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    bootstrap: Count = 2000
    equivalence_margin: float = Field(default=0.02, gt=0.0, lt=1.0)
    power: float = Field(default=0.8, ge=0.5, lt=1.0)
    headline: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    covariates: tuple[str, ...] = ()
    subgroups: tuple[str, ...] = ()


class Export(Section):
    """What leaves the pipeline, in which formats; `options` are by format."""

    formats: tuple[str, ...] = ("png", "monai_datalist")
    options: Mapping[str, Mapping[str, Any]] = {}

    @field_validator("formats")
    @classmethod
    def _check_formats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("give each format once")
        return value


class ReportPage(Section):
    """The page that a person looks at."""

    title: str = "Does augmentation help this classifier?"
    images_per_class: Count = 8


class Params(Section):
    """The whole of params.yaml."""

    seed: int = Field(ge=0)
    compute: Compute = Compute()
    tracking: Tracking = Tracking()
    ingest: Ingest
    split: Split = Split()
    augment: Augment = Augment()
    train_gan: TrainGan = TrainGan()
    synthesize: Synthesize = Synthesize()
    assess: Assess = Assess()
    classify: Classify
    curves: Curves = Curves()
    compare: Compare = Compare()
    export: Export = Export()
    report: ReportPage = ReportPage()

    @property
    def synthetic(self) -> tuple[str, ...]:
        """The names of all sets of synthetic images: the families', then those made elsewhere."""
        return (*self.train_gan.families, *self.synthesize.external)


def load(path: Path | str = "params.yaml") -> Params:
    """Read params.yaml and check each section's types, bounds and unknown names.

    Raises:
        DataError: If the file is missing or is not YAML.
        ParameterError: If a parameter is wrong; the message names it and what is allowed.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(path, "is missing; run from the project's root")
    try:
        values = YAML(typ="safe").load(path)
    except YAMLError as error:
        raise DataError(path, f"is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise DataError(path, "holds no parameters")
    return parse(values)


def parse(values: Mapping[str, Any]) -> Params:
    """Check parameters that were already read; see `load`."""
    params: Params = _validated(Params, values, "")
    return params


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


def options_of(registry: Registry, name: str, values: Mapping[str, Any], place: str) -> Any:
    """Validate the options of a registry entry with the `Options` of its class.

    Raises:
        ParameterError: If an option is unknown or out of bounds.
    """
    return _validated(registry.load(name, place).Options, values, place)


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
        if "." in name or "/" in name:
            raise ParameterError(place, "an arm's name may not hold a dot or a slash")
        _known(RECIPES, arm.recipe, f"{place}.recipe")
        _check_images(arm, f"{place}.images")
        directory, _, family = arm.images.rpartition("/")
        if directory == "data/synthetic" and family not in params.synthetic:
            raise ParameterError(
                f"{place}.images",
                f"needs the family {family!r}, which train_gan.families lacks, as does "
                "synthesize.external; add it there, or take the arm out",
            )
    if params.compare.baseline not in arms:
        raise ParameterError("compare.baseline", choose_one_of(params.compare.baseline, arms))
    for name in params.compare.headline or ():
        others = [arm for arm in arms if arm != params.compare.baseline]
        if name not in others:
            raise ParameterError("compare.headline", choose_one_of(name, others))


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


def _validated(model: Any, values: Any, place: str) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([*([place] if place else []), *map(str, first["loc"])])
        message = first["msg"][0].lower() + first["msg"][1:]
        if first["type"] == "extra_forbidden":
            raise ParameterError(where, "is unknown; check its spelling, or take it out") from None
        if first["type"] == "missing":
            raise ParameterError(where, "is missing; add it") from None
        raise ParameterError(where, f"got {first['input']!r}: {message}") from None
