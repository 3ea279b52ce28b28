"""DVC's account of a stage run: which command, on which inputs, with which parameters.

`StageEntry.key` names a run of a stage by all three. `running` computes it for the stage that DVC
has just started and `read` from dvc.lock once it has ended: both give the same key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

# Of a stage that does for sets made elsewhere what another does for the families.
EXTERNAL = "_external"


@dataclass(frozen=True)
class StageEntry:
    """What identifies one run of one DVC stage.

    Args:
        name: As DVC names it, e.g. `train_gan@dcgan`.
        command: The stage's command.
        dependencies: Path -> DVC's md5.
        parameters: Parameters file -> dotted name -> value.
        outputs: Path -> DVC's md5; empty while the stage runs, and no part of the key.
    """

    name: str
    command: str
    dependencies: Mapping[str, str]
    parameters: Mapping[str, Mapping[str, object]]
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The hash that names this run: equal for equal command, inputs and parameters."""
        content = [self.command, dict(self.dependencies), self.parameters]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def stage(self) -> str:
        """The stage's own name, e.g. `train_gan`."""
        return stage_of(self.name)

    @property
    def item(self) -> str:
        """The family or arm that the stage ran for, or nothing."""
        return self.name.partition("@")[2]


def read(path: Path, stage: str = "") -> list[StageEntry]:
    """Read the entries of a dvc.lock, or those of one stage; none if there is no such file."""
    if not path.exists():
        return []
    stages: Mapping[str, Any] = (YAML(typ="safe").load(path) or {}).get("stages", {})
    return [
        StageEntry(
            name=name,
            command=entry["cmd"],
            dependencies=_hashes(entry.get("deps", ())),
            parameters=entry.get("params", {}),
            outputs=_hashes(entry.get("outs", ())),
        )
        for name, entry in stages.items()
        if stage in ("", stage_of(name))
    ]


def stage_of(address: str) -> str:
    """The script that an address runs: `assess` for `assess@dcgan` and `assess_external@theirs`."""
    return address.partition("@")[0].removesuffix(EXTERNAL)


def running(name: str, workspace: Path) -> StageEntry:
    """Describe the stage that DVC is running, exactly as dvc.lock will once it has ended.

    Args:
        name: The stage's address, from the environment variable DVC_STAGE.
        workspace: The directory that holds dvc.yaml.
    """
    from dvc.repo import Repo
    from dvc.stage.utils import split_params_deps

    with Repo(str(workspace)) as repo:
        stage = repo.stage.load_one(name=name)
        stage.save_deps()
        parameters, dependencies = split_params_deps(stage)
        return StageEntry(
            name=name,
            command=stage.cmd,
            dependencies={dep.def_path: dep.hash_info.value for dep in dependencies},
            parameters={dep.def_path: dict(dep.hash_info.value) for dep in parameters},
        )


def _hashes(items: Any) -> dict[str, str]:
    return {item["path"]: str(item.get("md5")) for item in items}
