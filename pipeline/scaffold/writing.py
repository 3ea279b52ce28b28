"""Write a new part's files and its line in the registry; nothing is written over.

All is checked before anything is written: the name, that its class hides nothing that the templates
use, that no file and no entry of that name is there, and that the registry is laid out as expected.
"""

from __future__ import annotations

import ast
import keyword
import re
from importlib import resources
from pathlib import Path

from pipeline.errors import DataError, choose_one_of
from pipeline.scaffold.parts import PARTS, Part

REGISTRY = Path("pipeline/registry.py")
# Stands in for a name where only the rest of a template matters.
_PLACEHOLDER = "zz_placeholder"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# With longer names the registry's line, and lines of the templates, would pass 100 columns.
LONGEST = 20


def write(root: Path, kind: str, name: str) -> list[str]:
    """Write a new part from its templates.

    Args:
        root: The project's root.
        kind: Key of `PARTS`.
        name: In snake_case; file, key and class follow from it.

    Returns:
        The files that were written or changed, relative to the root.

    Raises:
        DataError: If the kind is unknown, the name is not allowed or taken, or the root is not
            the project's.
    """
    if kind not in PARTS:
        raise DataError("KIND", choose_one_of(kind, PARTS))
    part = PARTS[kind]
    _check_name(name)
    registered = _registered(root, part, name)
    texts = {Path(filled(path, name)): _template(it) for path, it in part.files.items()}
    for path, text in texts.items():
        _check_class(path, text, name)
        if (root / path).exists():
            raise DataError(path, "is there already; choose another name")
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(filled(text, name), encoding="utf-8")
    (root / REGISTRY).write_text(registered, encoding="utf-8")
    return [path.as_posix() for path in (*texts, REGISTRY)]


def filled(text: str, name: str) -> str:
    """Put a name into a text: `@name@` as it is, `@Class@` and `@Title@` as follows from it."""
    words = name.split("_")
    joined = "".join(word.capitalize() for word in words)
    title = " ".join([words[0].capitalize(), *words[1:]])
    return text.replace("@name@", name).replace("@Class@", joined).replace("@Title@", title)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise DataError(
            "NAME",
            f"got {name!r}; give small letters, digits and single underscores, beginning with a "
            "letter, e.g. my_gan",
        )
    if len(name) > LONGEST:
        raise DataError("NAME", f"got {len(name)} characters; give at most {LONGEST}")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise DataError("NAME", f"got {name!r}, which is a word of Python's; choose another name")


def _check_class(path: Path, template: str, name: str) -> None:
    """Refuse a class that would hide what its file imports, defines or reads."""
    wanted = filled("@Class@", name)
    if path.suffix == ".py" and "@Class@" in template and wanted in _names(template):
        raise DataError(
            "NAME",
            f"got {name!r}, whose class {wanted} the template uses itself; choose another name",
        )


def _names(template: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(filled(template, _PLACEHOLDER))):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
    return names


def _registered(root: Path, part: Part, name: str) -> str:
    """The registry's text with the entry added, all else as it was."""
    path = root / REGISTRY
    if not path.is_file():
        raise DataError(REGISTRY, "is missing; run from the project's root")
    text = path.read_text(encoding="utf-8")
    block = re.search(rf"^{part.registry} = Registry\(\n.*?^    \}},\n\)$", text, re.M | re.S)
    if block is None:
        raise DataError(REGISTRY, f"has no {part.registry} as it was; add the entry by hand")
    if f'"{name}":' in block.group():
        raise DataError(REGISTRY, f"has {name!r} in {part.registry}; choose another name")
    end = block.end() - len("    },\n)")
    return f'{text[:end]}        "{name}": "{filled(part.entry, name)}",\n{text[end:]}'


def _template(name: str) -> str:
    place = resources.files("pipeline.scaffold") / "templates" / f"{name}.template"
    return place.read_text(encoding="utf-8")
