"""Read params.yaml, and the options of registry entries; mistakes become sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.config.sections import Params
from pipeline.errors import DataError, ParameterError
from pipeline.registry import Registry

# What Pydantic adds to a place to say which of several types it tried.
_UNION = re.compile(r"bool|int|float|str|constrained-\w+|(tuple|list|literal|function-\w+)\[.*\]")
_NOTHING = object()


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
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})") from error
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
        raise _as_sentence(error, place) from None


def _as_sentence(error: ValidationError, place: str) -> ParameterError:
    """The first thing that is wrong, at its own place, in words that are not Pydantic's."""
    first = error.errors()[0]
    steps = [str(step) for step in first["loc"] if not _UNION.fullmatch(str(step))]
    given, message = first["input"], first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error" and isinstance(given, Mapping):
        # What a section says as a whole begins with the parameter that it is about.
        named, _, said = message.partition(": ")
        if named in given or named.isidentifier():
            steps, message, given = [*steps, named], said, given.get(named, _NOTHING)
    where = ".".join([*([place] if place else []), *steps])
    if first["type"] == "extra_forbidden":
        return ParameterError(where, "is unknown; check its spelling, or take it out")
    if first["type"] == "missing":
        return ParameterError(where, "is missing; add it")
    if first["type"] == "model_type":
        found = "holds no parameters" if given is None else f"got {given!r}, no parameters"
        return ParameterError(where, f"{found}; give some below it, or take it out")
    if first["type"] in ("tuple_type", "list_type"):
        return ParameterError(where, f"got {given!r}: give a list, e.g. [{given}]")
    message = message[0].lower() + message[1:]
    said = (
        message if given is _NOTHING or isinstance(given, Mapping) else f"got {given!r}: {message}"
    )
    return ParameterError(where, said)
