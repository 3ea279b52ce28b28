"""The script of a registered generator, which MLflow runs where the model is loaded.

It stands alone: where it runs there may be no other file of this project than those that the
bundle beside it brings.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel


class SyntheticImages(PythonModel):
    """Rows of label, count and seed -> `images`, their `labels`, and `masks` where there are any.

    The images of a row follow those of the row before; images are in the stored unit.
    """

    def load_context(self, context: Any) -> None:
        """Find the bundle and load its program."""
        root = Path(context.artifacts["bundle"]).resolve()
        settings = json.loads((root / "configs/inference.json").read_text(encoding="utf-8"))
        module = settings["sampler"]["_target_"].rpartition(".")[0]
        sys.path.insert(0, str(root))
        try:
            program = importlib.import_module(module)
        finally:
            sys.path.remove(str(root))
        self._program: Any = program
        self._root = root

    def predict(
        self,
        context: Any,  # noqa: ARG002
        model_input: pd.DataFrame,
        params: Mapping[str, Any] | None = None,
    ) -> dict[str, np.ndarray]:
        """Make the images of each row."""
        given = dict(params or {})
        generator = self._program.open_bundle(
            given.get("sources") or None, given.get("device") or "cpu", self._root
        )
        rows = zip(model_input["label"], model_input["count"], model_input["seed"], strict=True)
        made = [
            each
            for label, count, seed in rows
            for each in generator.make(str(label), int(count), int(seed))
        ]
        shape, dtype = generator.format.shape, generator.format.dtype
        found = {
            "images": np.array([each.image for each in made], dtype).reshape(-1, *shape),
            "labels": np.array([each.label for each in made], dtype=str),
        }
        if generator.makes_masks:
            masks = np.array([each.mask for each in made], np.uint8)
            found["masks"] = masks.reshape(-1, 1, *shape[1:])
        return found


mlflow.models.set_model(SyntheticImages())
