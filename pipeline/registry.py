"""Names in params.yaml -> classes and functions, imported only when they are used.

To add an entry: write its file, then one line `"name": "package.module:Attribute"` below.
The contract tests in tests/contracts/ run every entry.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import ParameterError, choose_one_of


@dataclass(frozen=True)
class Registry:
    """The named choices of one kind.

    Args:
        kind: What the entries are, in the singular, for messages.
        entries: Name -> `module:attribute`.
    """

    kind: str
    entries: Mapping[str, str]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, sorted."""
        return iter(sorted(self.entries))

    def __contains__(self, name: object) -> bool:
        """Tell whether a name is an entry."""
        return name in self.entries

    def load(self, name: str, parameter: str | None = None) -> Any:
        """Import and return the entry called `name`.

        Args:
            name: The entry's name.
            parameter: Where in params.yaml the name was read, for the message.

        Raises:
            ParameterError: If there is no such entry; the message lists the choices.
        """
        if name not in self.entries:
            raise ParameterError(parameter or self.kind, choose_one_of(name, self.entries))
        module, attribute = self.entries[name].split(":")
        return getattr(importlib.import_module(module), attribute)


SOURCES = Registry(
    "source",
    {
        "phantom": "pipeline.sources.phantom:Phantom",
        "nifti": "pipeline.sources.nifti:Nifti",
        "dicom": "pipeline.sources.dicom:Dicom",
        "image_folder": "pipeline.sources.image_folder:ImageFolder",
        "medmnist": "pipeline.sources.medmnist:MedMnist",
    },
)

FAMILIES = Registry(
    "GAN family",
    {
        "vanilla": "pipeline.gan.families.vanilla:Vanilla",
        "dcgan": "pipeline.gan.families.dcgan:Dcgan",
        "cgan": "pipeline.gan.families.cgan:Cgan",
        "acgan": "pipeline.gan.families.acgan:Acgan",
        "conditional": "pipeline.gan.families.conditional:Conditional",
        "wgan_gp": "pipeline.gan.families.wgan_gp:WganGp",
        "style": "pipeline.gan.families.style:Style",
        "stackgan": "pipeline.gan.families.stackgan:Stackgan",
        "cyclegan": "pipeline.gan.families.cyclegan:Cyclegan",
        "discogan": "pipeline.gan.families.discogan:Discogan",
        "pix2pix": "pipeline.gan.families.pix2pix:Pix2pix",
        "inpainting": "pipeline.gan.families.inpainting:Inpainting",
        "srgan": "pipeline.gan.families.srgan:Srgan",
        "vae": "pipeline.gan.families.vae:Vae",
        "ppca": "pipeline.gan.families.ppca:Ppca",
        "diffusion": "pipeline.gan.families.diffusion:Diffusion",
        "progressive": "pipeline.gan.families.progressive:Progressive",
    },
)

DIETS = Registry(
    "diet",
    {
        "plain": "pipeline.gan.diets.labelled:Labelled",
        "labelled": "pipeline.gan.diets.labelled:Labelled",
        "text": "pipeline.gan.diets.text:Text",
        "unpaired": "pipeline.gan.diets.unpaired:Unpaired",
        "low_high": "pipeline.gan.diets.low_high:LowHigh",
        "paired": "pipeline.gan.diets.paired:Paired",
        "holes": "pipeline.gan.diets.holes:Holes",
    },
)

CLASSIFIERS = Registry(
    "classifier",
    {
        "frid_adar_cnn": "pipeline.classifier.frid_adar_cnn:FridAdarCnn",
        "small_resnet": "pipeline.classifier.small_resnet:SmallResNet",
        "monai": "pipeline.classifier.monai_networks:MonaiNetwork",
    },
)

RECIPES = Registry(
    "recipe",
    {
        "real": "pipeline.arms.real:recipe",
        "oversampled": "pipeline.arms.oversampled:recipe",
        "classical": "pipeline.arms.classical:recipe",
        "classical_online": "pipeline.arms.classical_online:recipe",
        "mixup": "pipeline.arms.mixup:recipe",
        "synthetic": "pipeline.arms.synthetic:recipe",
        "real_synthetic": "pipeline.arms.real_synthetic:recipe",
        "classical_synthetic": "pipeline.arms.classical_synthetic:recipe",
        "synthetic_first": "pipeline.arms.synthetic_first:recipe",
    },
)

METRICS = Registry(
    "fidelity metric",
    {
        "frechet": "pipeline.fidelity.frechet:frechet_distance",
        "kernel": "pipeline.fidelity.kernel:kernel_distance",
        "precision_recall": "pipeline.fidelity.precision_recall:precision_recall",
        "density_coverage": "pipeline.fidelity.density_coverage:density_coverage",
        "nearest_neighbour": "pipeline.fidelity.nearest_neighbour:nearest_neighbour",
        "two_sample": "pipeline.fidelity.two_sample:two_sample",
    },
)

PIXEL_METRICS = Registry(
    "fidelity metric of pixels",
    {
        "ms_ssim": "pipeline.fidelity.ms_ssim:ms_ssim_diversity",
    },
)

FEATURES = Registry(
    "feature extractor",
    {
        "fold_embedding": "pipeline.fidelity.features.fold_embedding:FoldEmbedding",
        "radiomics": "pipeline.fidelity.features.radiomics:Radiomics",
        "lesion": "pipeline.fidelity.features.lesion:Lesion",
        "pretrained": "pipeline.fidelity.features.pretrained:Pretrained",
        "texture": "pipeline.fidelity.features.texture:Texture",
    },
)

PROBES = Registry(
    "probe",
    {
        "label_agreement": "pipeline.fidelity.probes.label_agreement:label_agreement",
        "attribute_agreement": "pipeline.fidelity.probes.attribute_agreement:attribute_agreement",
        "mask_agreement": "pipeline.fidelity.probes.mask_agreement:mask_agreement",
    },
)

SELECTORS = Registry(
    "selection criterion",
    {
        "label_confidence": "pipeline.selection.label_confidence:LabelConfidence",
        "realism": "pipeline.selection.realism:Realism",
        "copies": "pipeline.selection.copies:Copies",
    },
)

MONITORS = Registry(
    "monitor",
    {
        "lost_equilibrium": "pipeline.gan.monitors.lost_equilibrium:LostEquilibrium",
        "vanishing_gradient": "pipeline.gan.monitors.vanishing_gradient:VanishingGradient",
        "exploding": "pipeline.gan.monitors.exploding:Exploding",
        "mode_collapse": "pipeline.gan.monitors.mode_collapse:ModeCollapse",
        "overfitting": "pipeline.gan.monitors.overfitting:Overfitting",
        "copying": "pipeline.gan.monitors.copying:Copying",
    },
)

EXPORTS = Registry(
    "export",
    {
        "png": "pipeline.exports.png:Png",
        "image_folder": "pipeline.exports.image_folder:ImageFolder",
        "npz": "pipeline.exports.npz:Npz",
        "nifti": "pipeline.exports.nifti:Nifti",
        "monai_datalist": "pipeline.exports.monai_datalist:MonaiDatalist",
        "dicom": "pipeline.exports.dicom:Dicom",
    },
)

READERS = Registry(
    "format of synthetic images",
    {
        "imageset": "pipeline.readers.imageset:ImageSet",
        "npz": "pipeline.readers.npz:Npz",
        "folder": "pipeline.readers.folder:Folder",
        "nifti": "pipeline.readers.nifti:Nifti",
        "dicom": "pipeline.readers.dicom:Dicom",
    },
)
