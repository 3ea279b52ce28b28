"""The sections of params.yaml, one class a section.

To add a parameter: a field with a type, a bound and a default here, and the line in params.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# Strict, so that `true` is no number.
Count = Annotated[int, Field(ge=1, strict=True)]
Share = Annotated[float, Field(ge=0.0, le=1.0, strict=True)]
Positive = Annotated[float, Field(gt=0.0, strict=True)]
NotNegative = Annotated[float, Field(ge=0.0, strict=True)]
MetricName = Literal[
    "accuracy", "balanced_accuracy", "sensitivity", "specificity", "auc", "f1", "ece"
]


# What may be known of a generator's training patients, other than a list of them.
UNKNOWN, ELSEWHERE = "unknown", "elsewhere"


class Section(BaseModel):
    """A part of params.yaml: frozen, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Compute(Section):
    """How to compute. `threads` and `workers` are part of what makes bytes repeatable."""

    device: str = "auto"
    threads: Count = 1
    workers: Count = 2
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"

    @field_validator("device")
    @classmethod
    def _spelt(cls, device: str) -> str:
        if re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device) is None:
            raise ValueError("choose auto, cpu, cuda, cuda:1 (or another number) or mps")
        return device


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
