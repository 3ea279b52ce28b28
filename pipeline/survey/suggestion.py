"""The section `ingest` to paste into params.yaml, and the preset that comes closest to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import edits
from pipeline.config import Ingest
from pipeline.survey.description import Description


def block(description: Description, path: str, positive: str | None) -> str:
    """Write the section as YAML.

    Args:
        description: What was found.
        path: `ingest.path`.
        positive: The positive class, where it is known.
    """
    lines = ["ingest:", *(f"  {line}" for line in _lines(description, path, positive))]
    return "\n".join(lines)


def values(description: Description, path: str, positive: str | None) -> dict[str, Any]:
    """The section's values."""
    window = description.window
    return {
        "source": description.source,
        "path": path,
        "size": list(description.size),
        "window": None if window is None else [_short(end) for end in window],
        "classes": None,
        "positive_class": positive,
        "max_quarantined": Ingest.model_fields["max_quarantined"].default,
        "licence": None,
        "options": dict(description.options),
    }


def closest_preset(root: Path, wanted: Mapping[str, Any]) -> tuple[str, bool] | None:
    """The preset of the same source that agrees in most parameters of `ingest`.

    Returns:
        Its name, and whether it agrees in source, size and options; None where none has the source.
    """
    best: tuple[float, str, bool] | None = None
    for name, path in edits.presets(root).items():
        try:
            ingest = YAML(typ="safe").load(path).get("ingest", {})
        except (YAMLError, AttributeError, UnicodeDecodeError):
            continue
        if ingest.get("source") != wanted["source"]:
            continue
        pair = _flat(ingest), _flat(wanted)
        names = set(pair[0]) | set(pair[1])
        score = sum(pair[0].get(name) == pair[1].get(name) for name in names) / len(names)
        score += len(ingest.get("size", ())) == len(wanted["size"])
        same = all(ingest.get(part) == wanted[part] for part in ("size", "options"))
        if best is None or score > best[0]:
            best = (score, name, same)
    return None if best is None else best[1:]


def _flat(ingest: Mapping[str, Any]) -> dict[str, object]:
    plain = {name: value for name, value in ingest.items() if name not in ("path", "options")}
    return plain | {f"options.{name}": value for name, value in ingest.get("options", {}).items()}


def _lines(description: Description, path: str, positive: str | None) -> list[str]:
    found = values(description, path, positive)
    lines = [f"source: {found['source']}", f"path: {_text(path)}", f"size: {_text(found['size'])}"]
    lines.append(f"window: {_text(found['window'])}")
    lines.append("classes: null")
    count = 0 if description.classes is None else len(description.classes.counts)
    comment = "  # required: the one of your two classes to be detected"
    wanted = count == 2 and positive is None
    lines.append(f"positive_class: {_text(positive)}{comment if wanted else ''}")
    # Whole, since it takes the place of the section that is there, and DVC asks for every part.
    lines.append(f"max_quarantined: {_text(found['max_quarantined'])}")
    lines.append("licence: null  # of the scans, e.g. CC BY 4.0; cards and the page repeat it")
    options = found["options"]
    lines.append("options:" if options else "options: {}")
    return lines + [f"  {name}: {_text(value)}" for name, value in options.items()]


def _short(number: float) -> float | int:
    return int(number) if float(number).is_integer() else round(float(number), 4)


def _text(value: object) -> str:
    """A value as YAML, on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, str):
        plain = value.translate({ord(sign): "" for sign in "_/.-"}).isalnum()
        quoted = value.replace("'", "''")
        word = plain and (value[0] in "/_" or value[0].isalpha()) and value.lower() not in _WORDS
        return value if word else f"'{quoted}'"
    return str(value)


_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "none"})
