"""Changes to params.yaml on a person's behalf, in place and with its comments kept.

What was changed is checked whole before it is written, so that a wrong change leaves the file as
it was.
"""

from __future__ import annotations

import copy
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from pipeline import config
from pipeline.config import Params
from pipeline.errors import DataError, choose_one_of
from pipeline.registry import FAMILIES

SYNTHETIC = "data/synthetic"
# A preset replaces these whole: what an earlier one said there means nothing to it.
REPLACED = re.compile(
    r"ingest\.options|classify\.arms|classify\.options|synthesize\.counts|train_gan\.options\.\w+"
)


def presets(root: Path) -> dict[str, Path]:
    """The presets by name."""
    return {path.stem: path for path in sorted((root / "presets").glob("*.yaml"))}


def use_preset(root: Path, name: str, data_path: str | None = None) -> list[str]:
    """Merge a preset into params.yaml.

    Args:
        root: The project's root.
        name: A file in presets/, without its ending.
        data_path: Becomes `ingest.path`: relative inside the project, else absolute, so that
            `dvc exp run --temp` finds it from its own directory.

    Returns:
        A line for each parameter that changed.

    Raises:
        ParameterError: If the result would be wrong.
        DataError: If there is no such preset or `data_path`, or a file cannot be read, written or
            understood.
    """
    known = presets(root)
    if not known:
        raise DataError("presets/", "is missing or empty; run from the project's root")
    if name not in known:
        raise DataError("PRESET", choose_one_of(name, known))
    values, overlay = _read(root / "params.yaml"), _read(known[name])
    changes = _without_earlier_options(values, overlay) + merge(values, overlay)
    if data_path is not None:
        changes += merge(values, {"ingest": {"path": _data_path(root, data_path)}})
    _write_checked(root / "params.yaml", values)
    return changes


def set_families(root: Path, families: Sequence[str]) -> list[str]:
    """Train these GAN families and no others, and let the arms follow.

    The first family is the headline: arms that bear no family's name in their own follow it. Each
    further family gets an arm `classical+synthetic-<family>` unless an arm uses it already; an arm
    `...-<family>` goes with its family. The chart of images added keeps the families that stay.
    Options stay, for the day the family comes back.

    Returns:
        A line for each parameter that changed.

    Raises:
        ParameterError: If a parameter is wrong, or would be.
        DataError: If no family is named or one is unknown, or params.yaml cannot be read, written
            or understood.
    """
    path, chosen = root / "params.yaml", list(dict.fromkeys(families))
    _check_named(chosen)
    values = _read(path)
    params = _parsed(values)
    section = _section(values, "train_gan")
    changes = merge(section, {"families": chosen}, "train_gan.")
    options = _section(section, "options")
    for family in chosen:
        if family not in options:
            options[family] = _flow({})
            changes.append(f"train_gan.options.{family}: new, with its defaults")
    elsewhere, drawn = list(params.synthesize.external), params.curves.families
    changes += _follow(values["classify"]["arms"], chosen, elsewhere, params.compare.baseline)
    if drawn:
        staying = [family for family in drawn if family in (*chosen, *elsewhere)]
        changes += merge(values["curves"], {"families": staying or chosen[:1]}, "curves.")
    _write_checked(path, values)
    return changes


def merge(values: Any, overlay: Mapping[str, Any], place: str = "") -> list[str]:
    """Put an overlay's values into a mapping, in place; tells what changed."""
    changes = []
    for name, new in overlay.items():
        where = f"{place}{name}"
        old = values.get(name)
        if isinstance(new, Mapping) and isinstance(old, Mapping) and not REPLACED.fullmatch(where):
            changes += merge(old, new, f"{where}.")
        elif name not in values or old != new:
            changes.append(f"{where}: {_shown(old)} -> {_shown(new)}")
            values[name] = _styled(new)
    return changes


def _without_earlier_options(values: Any, overlay: Mapping[str, Any]) -> list[str]:
    """Drop the options of families that a preset of a data set has none for.

    What suits cubes does not suit squares. A preset that goes on top of another, and names no
    source, leaves them.
    """
    if "source" not in _mapping(overlay, "ingest"):
        return []
    options, kept = (_mapping(_mapping(each, "train_gan"), "options") for each in (values, overlay))
    gone = [name for name in options if name not in kept]
    for name in gone:
        _remove(options, name)
    return [f"train_gan.options.{name}: removed" for name in gone]


def _mapping(values: Mapping[str, Any], name: str) -> Any:
    """What is below a key of a file that is not checked yet; nothing where it is no mapping."""
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _check_named(families: Sequence[str]) -> None:
    if not families:
        raise DataError("FAMILIES", "none is named; name at least one")
    for family in families:
        if family not in FAMILIES:
            raise DataError("FAMILIES", choose_one_of(family, FAMILIES))


def _section(mapping: CommentedMap, name: str) -> Any:
    """What is below a key, which becomes an empty mapping where it is absent or empty."""
    if mapping.get(name) is None:
        mapping[name] = CommentedMap()
    return mapping[name]


def _follow(
    arms: CommentedMap, families: Sequence[str], elsewhere: Sequence[str], baseline: str
) -> list[str]:
    changes = []
    for name, arm in list(arms.items()):
        if name not in arms:
            continue
        directory, _, family = arm["images"].rpartition("/")
        if directory != SYNTHETIC or family in (*families, *elsewhere):
            continue
        if name.endswith(f"-{family}") and name != baseline:
            _remove(arms, name)
            changes.append(f"classify.arms.{name}: removed")
        else:
            arm["images"] = f"{SYNTHETIC}/{families[0]}"
            changes.append(f"classify.arms.{name}.images: {arm['images']}")
            twin = f"{name}-{families[0]}"
            if arms.get(twin) == arm and twin != baseline:
                _remove(arms, twin)
                changes.append(f"classify.arms.{twin}: removed, the same as {name}")
    used = {arm["images"] for arm in arms.values()}
    for family in families:
        images, name = f"{SYNTHETIC}/{family}", f"classical+synthetic-{family}"
        if images not in used:
            _append(arms, name, _flow({"recipe": "classical_synthetic", "images": images}))
            changes.append(f"classify.arms.{name}: new")
    return changes


def _remove(mapping: CommentedMap, name: str) -> None:
    """Delete a key; the blank line or comment after it stays, with the key before it."""
    keys = list(mapping)
    position = keys.index(name)
    comment = mapping.ca.items.pop(name, None)
    del mapping[name]
    if comment is not None and position == len(keys) - 1 and position > 0:
        mapping.ca.items[keys[position - 1]] = comment


def _append(mapping: CommentedMap, name: str, value: Any) -> None:
    """Add a key at the end; the blank line or comment after the last one stays after it."""
    last = next(reversed(mapping), None)
    comment = mapping.ca.items.pop(last, None)
    mapping[name] = value
    if comment is not None:
        mapping.ca.items[name] = comment


def _data_path(root: Path, given: str) -> str:
    path = Path(given).expanduser()
    if not path.exists():
        raise DataError("DATA_PATH", "there is no such file or directory; check its spelling")
    absolute, inside = path.resolve(), root.resolve()
    if absolute.is_relative_to(inside):
        return absolute.relative_to(inside).as_posix()
    return absolute.as_posix()


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.preserve_quotes = True
    yaml.representer.add_representer(
        type(None),
        lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null"),
    )
    return yaml


def _read(path: Path) -> Any:
    try:
        values = _yaml().load(path)
    except FileNotFoundError as error:
        raise DataError(path.name, "is missing; run from the project's root") from error
    except OSError as error:
        raise DataError(
            path.name, f"cannot be read ({error.strerror}); put a file there that you may read"
        ) from error
    except YAMLError as error:
        raise DataError(path.name, f"is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, Mapping):
        raise DataError(path.name, "holds no parameters")
    return values


def _parsed(values: Any) -> Params:
    """Check the sections of what was read, free of the types that keep its layout."""
    return config.parse(YAML(typ="safe").load(_text(values)))


def _text(values: Any) -> str:
    text = io.StringIO()
    _yaml().dump(values, text)
    return text.getvalue()


def _write_checked(path: Path, values: Any) -> None:
    config.check_everything(_parsed(values))
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(_spaced(_text(values)), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise DataError(
            path.name, f"cannot be written ({error.strerror}); see what you may write to there"
        ) from error


def _spaced(text: str) -> str:
    """Put back the blank line before a section, which goes with the value that it followed."""
    lines: list[str] = []
    for line in text.splitlines():
        if re.fullmatch(r"\w+:", line) and lines and lines[-1] and not lines[-1].startswith("#"):
            lines.append("")
        lines.append(line)
    return "\n".join(lines) + "\n"


def _styled(value: Any) -> Any:
    """Copy a value with the layout that it was read with; lists of our own go on one line."""
    if isinstance(value, list | tuple) and not isinstance(value, CommentedSeq):
        value = CommentedSeq(value)
        value.fa.set_flow_style()
    return copy.deepcopy(value)


def _flow(values: Mapping[str, Any]) -> CommentedMap:
    mapping = CommentedMap(values)
    mapping.fa.set_flow_style()
    return mapping


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(str(name) for name in value) + "}"
    return str(list(value)) if isinstance(value, list | tuple) else str(value)
