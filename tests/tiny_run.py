"""The demonstration run from scans to verdicts at a size that takes seconds, without DVC."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

from ruamel.yaml import YAML

from pipeline import config, edits
from pipeline.tracking import NullRun
from pipeline.workflows import augment, classify, compare, ingest, split, synthesize, train_gan
from tests.tiny_clone import ROOT, TINY


def make(root: Path, **sections) -> config.Params:
    """Write params.yaml and everything up to metrics/comparison.json.

    Args:
        root: The project's root; DVC_ROOT must name it.
        sections: What else to change in params.yaml.
    """
    yaml = YAML()
    values = yaml.load(ROOT / "params.yaml")
    for changes in (TINY, {"compute": {"device": "cpu", "workers": 1}}, sections):
        edits.merge(values, copy.deepcopy(changes))
    yaml.dump(values, root / "params.yaml")
    shutil.copytree(ROOT / "presets", root / "presets")
    params = config.load(root / "params.yaml")
    (root / params.ingest.path).mkdir(parents=True)
    for stage in (ingest, split, augment):
        stage.run(params, root, NullRun())
    for family in params.train_gan.families:
        train_gan.run(params, root, family, NullRun())
        synthesize.run(params, root, family, NullRun())
    for arm in params.classify.arms:
        classify.run(params, root, arm, NullRun())
    compare.run(params, root, NullRun())
    return params
