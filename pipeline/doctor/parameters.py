"""params.yaml and the presets: all of it is checked as a stage would."""

from __future__ import annotations

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import config, edits
from pipeline.doctor.finding import Finding, Project, ok, problem, warning
from pipeline.errors import PipelineError


def parameters(project: Project) -> Finding:
    """Whether every parameter is right, those of later stages included."""
    mend = "change that line of params.yaml; its comment says what is allowed"
    if project.params is None:
        return problem(project.complaint, mend)
    try:
        config.check_everything(project.params)
    except PipelineError as error:
        return problem(str(error), mend)
    families = ", ".join(project.params.train_gan.families)
    return ok(f"{len(project.params.classify.arms)} arms; GANs: {families}")


def presets(project: Project) -> Finding:
    """Whether the presets can be read, and are overlays on sections that there are."""
    found = edits.presets(project.root)
    if not found:
        return warning("presets/ is missing or empty", "take the directory from a fresh clone")
    known = set(config.Params.model_fields)
    broken = []
    for name, path in found.items():
        try:
            values = YAML(typ="safe").load(path)
        except (YAMLError, UnicodeDecodeError):
            values = None
        if not isinstance(values, dict) or not set(values) <= known:
            broken.append(name)
    if broken:
        said = f"no overlay on params.yaml: {', '.join(broken)}"
        return warning(said, "correct the sections' names, or take presets/ from a fresh clone")
    return ok(", ".join(found))
