"""dvc.yaml names every package file that a stage runs through, and no file that it does not.

DVC follows no import: a file that is missing among `deps` would change a stage's results without
rerunning it. The static imports come from grimp; what is loaded by a name in params.yaml comes
from the registries.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import grimp
import pytest
from ruamel.yaml import YAML

from pipeline import config, registry
from pipeline.lockfile import EXTERNAL, stage_of

ROOT = Path(__file__).parents[2]
# What changes no result: parameters are DVC's own business, and the rest is contract or plumbing.
EXEMPT = {
    f"pipeline.{name}"
    for name in ("config", "tracking", "lockfile", "compute", "registry", "errors", "seeding")
}
PARAMS = config.load(ROOT / "params.yaml")


def loaded(stage: str, item: str) -> list[str]:
    """The `module:attribute` entries that a stage may load by name."""
    entries = {
        "ingest": lambda: [registry.SOURCES.entries[PARAMS.ingest.source]],
        "train_gan": lambda: [
            registry.FAMILIES.entries[item],
            *diets(item),
            *registry.MONITORS.entries.values(),
            registry.FEATURES.entries["texture"],
        ],
        "external": lambda: [
            *registry.READERS.entries.values(),
            *registry.SOURCES.entries.values(),
            *registry.SELECTORS.entries.values(),
        ],
        "synthesize": lambda: [
            registry.FAMILIES.entries[item],
            *diets(item),
            *registry.SELECTORS.entries.values(),
        ],
        "assess": lambda: [
            *([registry.FAMILIES.entries[item]] if item in registry.FAMILIES else []),
            *(registry.FEATURES.entries[name] for name in PARAMS.assess.features),
            *registry.METRICS.entries.values(),
            *registry.PIXEL_METRICS.entries.values(),
            *registry.PROBES.entries.values(),
        ],
        "classify": lambda: [
            registry.RECIPES.entries[PARAMS.classify.arms[item].recipe],
            registry.CLASSIFIERS.entries[PARAMS.classify.model],
        ],
        "curves": lambda: [registry.CLASSIFIERS.entries[PARAMS.classify.model]],
        "export": lambda: list(registry.EXPORTS.entries.values()),
    }
    return entries.get(stage, list)()


def diets(family: str) -> list[str]:
    """What a family eats."""
    return [registry.DIETS.entries[registry.FAMILIES.load(family).batches]]


@pytest.fixture(scope="module")
def graph():
    """Who imports whom, without imports for the type checker alone."""
    return grimp.build_graph("pipeline", exclude_type_checking_imports=True, cache_dir=None)


def file_of(module: str) -> Path | None:
    """The file of a module, or None for a package file that holds nothing."""
    path = ROOT / module.replace(".", "/")
    if path.with_suffix(".py").exists():
        return path.with_suffix(".py").relative_to(ROOT)
    package = path / "__init__.py"
    return package.relative_to(ROOT) if package.read_text(encoding="utf-8").strip() else None


def used_files(graph, stage: str, item: str) -> set[Path]:
    """The package files that a stage's results depend on."""
    stage = stage.removesuffix(EXTERNAL)
    modules = {f"pipeline.workflows.{stage}"}
    modules |= {entry.partition(":")[0] for entry in loaded(stage, item)}
    seen: set[str] = set()
    while modules:
        module = modules.pop()
        if module in seen or module in EXEMPT:
            continue
        seen.add(module)
        modules |= graph.find_modules_directly_imported_by(module)
    return {path for module in seen if (path := file_of(module)) is not None}


def described() -> tuple[dict[str, list[Path]], dict[str, set[str]]]:
    """Address of every stage in dvc.yaml -> its dependencies below pipeline/; its parameters."""
    from dvc.dependency import ParamsDependency
    from dvc.repo import Repo

    code: dict[str, list[Path]] = {}
    named: dict[str, set[str]] = {}
    # There is no set made elsewhere by default, and so no stage for one that DVC would list.
    for stage, entry in YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].items():
        if entry.get("foreach") == "${synthesize.external}":
            code[f"{stage}@theirs"] = [
                Path(path) for path in entry["do"]["deps"] if path.startswith("pipeline/")
            ]
            named[f"{stage}@theirs"] = set(entry["do"]["params"])
    with Repo(str(ROOT)) as repo:
        for stage in repo.index.stages:
            paths = [dep.def_path for dep in stage.deps]
            code[stage.addressing] = [Path(path) for path in paths if path.startswith("pipeline/")]
            named[stage.addressing] = {
                # A file that names no parameter is a dependency with all that it holds.
                name
                for dep in stage.deps
                if isinstance(dep, ParamsDependency)
                for name in dep.params or config.Params.model_fields
            }
    return code, named


STAGES, NAMED = described()
# A workflow may look at these to complain early; they change no byte of what it writes.
ONLY_CHECKED = {"ingest": {"split", "synthesize", "compare"}}


@pytest.mark.parametrize("address", STAGES)
def test_every_used_file_is_a_dependency(graph, address):
    """A changed file reruns every stage that runs through it."""
    stage, _, item = address.partition("@")
    named = STAGES[address]
    missing = sorted(
        str(path)
        for path in used_files(graph, stage, item)
        if not any(path == dep or dep in path.parents for dep in named)
    )
    assert not missing, f"add to the deps of {stage} in dvc.yaml: {missing}"


@pytest.mark.parametrize("stage", ["train_gan", "synthesize", "assess"])
@pytest.mark.parametrize("family", list(registry.FAMILIES))
def test_the_list_for_families_fits_each_of_them(graph, stage, family):
    """`python -m pipeline families` may choose any: its own file and the common list are enough."""
    listed = STAGES[f"{stage}@{PARAMS.train_gan.families[0]}"]
    own = Path(f"pipeline/gan/families/{family}.py")
    used = used_files(graph, stage, family) - {own}
    assert not [
        path for path in used if not any(path == dep or dep in path.parents for dep in listed)
    ]


@pytest.mark.parametrize("address", STAGES)
def test_every_dependency_is_used(graph, address):
    """A changed file reruns no stage that does not run through it."""
    stage, _, item = address.partition("@")
    # dvc.yaml gives every family the same list: what any of them needs is no idle dependency.
    each_family = stage in ("train_gan", "synthesize", "assess")
    items = list(registry.FAMILIES) if each_family else [item]
    used = set().union(*(used_files(graph, stage, each) for each in items))
    idle = sorted(
        str(dep)
        for dep in STAGES[address]
        if not any(path == dep or dep in path.parents for path in used)
    )
    assert not idle, f"take out of the deps of {stage} in dvc.yaml: {idle}"


@pytest.mark.parametrize("address", STAGES)
def test_every_used_section_of_the_parameters_is_named(address):
    """A changed parameter reruns every stage whose workflow reads its section."""
    stage = stage_of(address)
    text = (ROOT / "pipeline/workflows" / f"{stage}.py").read_text(encoding="utf-8")
    used = set(re.findall(r"\bparams\.([a-z_]+)", text)) & set(config.Params.model_fields)
    named = {name.partition(".")[0] for name in NAMED[address]}
    used -= {"train_gan"} if "_external" in address else set()  # it has no models
    cheap = {"compute"} if stage == "augment" else set()  # always on the CPU; see the workflow
    assert used - ONLY_CHECKED.get(stage, set()) - {"tracking"} - cheap <= named


@pytest.mark.parametrize("address", [name for name in STAGES if name.startswith("classify@")])
def test_classify_names_every_parameter_of_its_section_but_the_other_arms(address):
    """One more arm reruns no other arm, and every other parameter of the section reruns all."""
    fields = {f"classify.{name}" for name in config.Classify.model_fields} - {"classify.arms"}
    arm = f"classify.arms.{address.partition('@')[2]}"
    named = {name for name in NAMED[address] if name.startswith("classify.")}
    assert named == fields | {arm}


@pytest.mark.parametrize("name", ["theirs", None])
def test_a_set_made_elsewhere_has_three_stages(tmp_path, monkeypatch, name):
    """None at all where there is no such set, and DVC still knows the others."""
    from dvc.repo import Repo

    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    yaml = YAML()
    values = yaml.load(ROOT / "params.yaml")
    if name:
        values["synthesize"]["external"] = {name: {"path": "made", "trained_on": "unknown"}}
    yaml.dump(values, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        found = {stage.addressing: {dep.def_path for dep in stage.deps}
                 for stage in repo.index.stages}  # fmt: skip
    mine = {address for address in found if "external" in address}
    expected = {f"{stage}@{name}" for stage in ("external", "assess_external", "export_external")}
    assert mine == (expected if name else set())
    assert "ingest" in found
    if name:
        assert {"made", "data/raw", "data/splits.csv"} <= found["external@theirs"]


def test_all_twelve_stages_are_there():
    """Every stage of dvc.yaml has its script and its workflow, and every script its stage."""
    names = {stage_of(address) for address in STAGES}
    scripts = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert names == scripts
    for name in names:
        assert (ROOT / "pipeline/workflows" / f"{name}.py").exists()
