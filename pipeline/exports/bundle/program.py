"""Which of the package's files a bundle needs, and a copy of them under a name of their own.

The files are found by following imports in the syntax trees, those inside functions included and
those for the type checker left out; what is loaded by a name comes in through the registries. The
copy is renamed throughout, so that two bundles and this project live in one process.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pipeline

_NAME = "pipeline"
_ROOT = Path(pipeline.__path__[0])
_ENTRY = re.compile(rf"{_NAME}(\.\w+)+:\w+")


@dataclass(frozen=True)
class Program:
    """Modules and what they need from elsewhere.

    Args:
        modules: Dotted names, sorted.
        required: Foreign packages that are imported with a module, by import name; those that
            only some function imports are not among them.
    """

    modules: tuple[str, ...]
    required: frozenset[str]

    @property
    def digest(self) -> str:
        """A hash of all the files."""
        whole = hashlib.sha256()
        for name in self.modules:
            whole.update(name.encode() + _file(name).read_bytes())
        return whole.hexdigest()


@dataclass(frozen=True)
class _Import:
    """One imported name.

    Args:
        module: Dotted.
        late: Whether it is imported by a function, and not with its module.
    """

    module: str
    late: bool


def program_of(roots: Sequence[str]) -> Program:
    """Follow the imports of some modules.

    Args:
        roots: Dotted names below `pipeline`.
    """
    found: set[str] = set()
    required: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += [parent for parent in _parents(name) if parent not in found]
        for each in _imports(_tree(name).body, late=False):
            top = each.module.partition(".")[0]
            if top == _NAME:
                waiting.append(each.module)
            elif not each.late and top not in sys.stdlib_module_names:
                required.add(top)
    return Program(tuple(sorted(found)), frozenset(required))


def copy_program(program: Program, directory: Path, name: str) -> None:
    """Write the modules as the package `name` in a directory."""
    for module in program.modules:
        source = _file(module)
        target = directory / name / source.relative_to(_ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(renamed(source.read_text(encoding="utf-8"), name), encoding="utf-8")


def renamed(text: str, name: str) -> str:
    """A module's text with `pipeline` called `name` in its imports and registry entries.

    Raises:
        ValueError: If the module says `import pipeline.x`, which binds the old name.
    """
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    for line, column, old in sorted(_mentions(ast.parse(text)), reverse=True):
        whole = lines[line - 1]
        place = whole.index(old, column)
        lines[line - 1] = whole[:place] + whole[place:].replace(old, _put(old, name), 1)
    return b"".join(lines).decode()


def _put(old: bytes, name: str) -> bytes:
    return old.replace(_NAME.encode(), name.encode())


def _mentions(tree: ast.Module) -> Iterator[tuple[int, int, bytes]]:
    """Line, byte within it, and text at which the package is named."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and _is_own(node.module):
            yield node.lineno, node.col_offset, f"from {_NAME}".encode()
        elif isinstance(node, ast.Import) and any(_is_own(each.name) for each in node.names):
            raise ValueError(f"line {node.lineno}: write `from {_NAME} import ...`")
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and _ENTRY.fullmatch(node.value)
        ):
            yield node.lineno, node.col_offset, f"{_NAME}.".encode()


def _is_own(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] == _NAME


def _imports(nodes: Iterable[ast.AST], *, late: bool) -> Iterator[_Import]:
    for node in nodes:
        if isinstance(node, ast.If) and _is_for_type_checker(node.test):
            yield from _imports(node.orelse, late=late)
        elif isinstance(node, ast.Import):
            yield from (_Import(each.name, late) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield _Import(node.module, late)
            below = (f"{node.module}.{each.name}" for each in node.names)
            yield from (_Import(name, late) for name in below if _exists(name))
        else:
            inside = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(ast.iter_child_nodes(node), late=inside)


def _is_for_type_checker(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _exists(module: str) -> bool:
    return _is_own(module) and _path(module) is not None


def _file(module: str) -> Path:
    path = _path(module)
    if path is None:
        raise ValueError(f"{module} has no file")
    return path


def _path(module: str) -> Path | None:
    place = _ROOT.joinpath(*module.split(".")[1:])
    options = (
        (place.with_suffix(".py"), place / "__init__.py")
        if place != _ROOT
        else (place / "__init__.py",)
    )
    return next((path for path in options if path.is_file()), None)


def _tree(module: str) -> ast.Module:
    return ast.parse(_file(module).read_text(encoding="utf-8"))
