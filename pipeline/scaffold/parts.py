"""The kinds of parts that can be begun from a template, and where each of their files goes.

To add a kind: its templates in templates/, and an entry in PARTS; tests/integration/
test_scaffold.py runs what is written through ruff, mypy and the contract tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One kind of part.

    Args:
        registry: The variable of pipeline/registry.py that it is entered in.
        entry: `module:attribute` of the entry, with `@name@` and `@Class@`.
        files: Path from the project's root, with `@name@` -> template.
        after: What to do next, a line each, with `@name@`.
    """

    registry: str
    entry: str
    files: Mapping[str, str]
    after: tuple[str, ...]


PARTS: Mapping[str, Part] = {
    "family": Part(
        "FAMILIES",
        "pipeline.gan.families.@name@:@Class@",
        {
            "pipeline/gan/families/@name@.py": "family.py",
            "tests/unit/gan/families/test_@name@.py": "test_family.py",
        },
        (
            "python -m pytest tests/unit/gan/families/test_@name@.py",
            "python -m pytest tests/contracts -k @name@",
            "python -m pipeline families conditional,@name@   then: dvc repro",
            "docs/families/@name@.md: ten lines about it, for python -m pipeline family-page",
            "dvc.yaml lists pipeline/gan and needs a change only if the family imports from a file "
            "that no other does; tests/contracts/test_dependencies.py says so",
        ),
    ),
    "source": Part(
        "SOURCES",
        "pipeline.sources.@name@:@Class@",
        {
            "pipeline/sources/@name@.py": "source.py",
            "tests/source_inputs/@name@.py": "input_source.py",
            "tests/unit/sources/test_@name@.py": "test_source.py",
        },
        (
            "python -m pytest tests/unit/sources/test_@name@.py",
            "python -m pytest tests/contracts/test_sources.py -k @name@",
            "params.yaml: ingest: {source: @name@, path: <your scans>}   then: dvc repro",
            "dvc.yaml needs no change: pipeline/sources is a dependency of ingest",
        ),
    ),
    "recipe": Part(
        "RECIPES",
        "pipeline.arms.@name@:recipe",
        {
            "pipeline/arms/@name@.py": "recipe.py",
            "tests/unit/arms/test_@name@.py": "test_recipe.py",
        },
        (
            "python -m pytest tests/unit/arms/test_@name@.py",
            "python -m pytest tests/contracts/test_recipes.py -k @name@",
            "params.yaml: classify.arms: a line `my-arm: {recipe: @name@, images: "
            "data/synthetic/conditional}`   then: dvc repro",
            "dvc.yaml needs no change: it names an arm's recipe by itself",
        ),
    ),
}
