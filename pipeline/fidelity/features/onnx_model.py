"""A network from an ONNX file, run by onnxruntime (the extra `onnx`); no code of the file runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.errors import ParameterError

_EXTRA = "onnx"
_TOKENS = 3


def load(path: Path, output: str | None, *, threads: int, place: str) -> Callable[[Tensor], Tensor]:
    """Read a model.

    Args:
        path: The file.
        output: The output's name; None takes the first.
        threads: For one operator.
        place: Where the path stands in params.yaml, for messages.

    Returns:
        Maps (N, C, rows, columns) to what the output gives: (N, D), or (N, D, ...) by position. Of
        (N, tokens, D), as transformers give it, the first token, which stands for the image.

    Raises:
        ParameterError: If the package is missing, or if the file is no such model.
    """
    try:
        runtime = importlib.import_module("onnxruntime")
    except ModuleNotFoundError as error:
        raise ParameterError(
            place,
            f"got {str(path)!r}, for which the package onnxruntime is missing; install it with "
            f"pip install -e '.[{_EXTRA}]'",
        ) from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's exceptions share no other class
        raise ParameterError(place, f"got {str(path)!r}, which cannot be read: {error}") from error
    names = [each.name for each in session.get_outputs()]
    if output is not None and output not in names:
        raise ParameterError(
            place, f"got {str(path)!r}, which has no output {output!r}; choose one of {names}"
        )
    taken = session.get_inputs()[0].name

    def network(images: Tensor) -> Tensor:
        found: Any = session.run([output or names[0]], {taken: images.cpu().numpy()})[0]
        features = torch.from_numpy(found)
        return features[:, 0] if features.ndim == _TOKENS else features

    return network
