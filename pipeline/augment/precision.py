"""How precisely to compute what is small, such as matrices and kernels."""

from __future__ import annotations

import torch
from torch import Tensor


def precise_dtype(values: Tensor) -> torch.dtype:
    """Double precision, where the values' device has it."""
    return torch.float32 if values.device.type == "mps" else torch.float64
