"""Optimisers by network: making them, their rates over time, and their state as flat tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pipeline.errors import ParameterError
from pipeline.gan.family import TrainingOptions


def build(
    networks: nn.ModuleDict, options: TrainingOptions, place: str
) -> dict[str, torch.optim.Adam]:
    """Make one optimiser for each network that has something to train.

    Args:
        networks: By name.
        options: Rates and betas.
        place: Where the options stand in params.yaml, for messages.

    Raises:
        ParameterError: If `learning_rates` names a network that is not there.
    """
    unknown = sorted(set(options.learning_rates) - set(networks))
    if unknown:
        raise ParameterError(
            f"{place}.learning_rates.{unknown[0]}",
            f"is no network of this family; choose among {', '.join(networks)}",
        )
    return {
        name: torch.optim.Adam(
            network.parameters(), options.learning_rate, betas=options.betas, fused=True
        )
        for name, network in networks.items()
        if any(True for _ in network.parameters())
    }


def rate(network: str, step: int, options: TrainingOptions) -> float:
    """A network's learning rate at a step: constant, then linearly towards zero."""
    highest = options.learning_rates.get(network, options.learning_rate)
    if options.decay_from >= 1.0:
        return highest
    left = (1.0 - step / options.steps) / (1.0 - options.decay_from)
    return highest * min(1.0, left)


def state(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state, as `<parameter's index>.<name>` -> tensor."""
    states: Mapping[int, Mapping[str, Tensor]] = optimiser.state_dict()["state"]
    return {f"{i}.{name}": value for i, each in states.items() for name, value in each.items()}


def restore(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back a copy of what `state` gave, in the parameters' memory layout.

    Elementwise kernels take another path, with other rounding, where layouts differ; equal bits
    after a resume need equal layouts. A parameter that had no state then has none afterwards.
    """
    parameters = optimiser.param_groups[0]["params"]
    optimiser.state.clear()
    for name, tensor in tensors.items():
        index, key = name.split(".")
        parameter = parameters[int(index)]
        # A counter goes up in place, so that it must not be the caller's own.
        kept = tensor.clone() if tensor.ndim == 0 else torch.empty_like(parameter).copy_(tensor)
        optimiser.state[parameter][key] = kept.detach().to(parameter.device)
