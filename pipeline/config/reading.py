"""Read params.yaml, and the options of registry entries; mistakes become sentences."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.config.sections import Params
from pipeline.errors import DataError, ParameterError
from pipeline.registry import Registry


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


def options_of(registry: Registry, name: str, values: Mapping[str, Any], place: str) -> Any:
    """Validate the options of a registry entry with the `Options` of its class.

    Raises:
        ParameterError: If an option is unknown or out of bounds.
    """
    return _validated(registry.load(name, place).Options, values, place)


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
