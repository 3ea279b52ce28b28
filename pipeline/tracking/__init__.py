"""What a stage tells MLflow while it works: the only importer of mlflow.

DVC's files are the truth and MLflow is a view of them, so nothing here may stop a stage: the
first failure to log is told once, and logging goes quiet. Each run carries the tag `stage_key`,
by which `python -m pipeline sync` finds what is missing. To log something new: a method on
`Run`, `NullRun` and `MlflowRun`.
"""

from pipeline.tracking.comparison import classifiers, show_comparison
from pipeline.tracking.mlflow_run import MlflowRun
from pipeline.tracking.mlflow_store import (
    Store,
    artifacts_uri,
    chosen,
    describe,
    open_store,
    store_uri,
)
from pipeline.tracking.registering import GeneratorModel, Registered, register_generator
from pipeline.tracking.run import NullRun, Run
from pipeline.tracking.stage_run import circumstances, running

__all__ = [
    "GeneratorModel",
    "MlflowRun",
    "NullRun",
    "Registered",
    "Run",
    "Store",
    "artifacts_uri",
    "chosen",
    "circumstances",
    "classifiers",
    "describe",
    "open_store",
    "register_generator",
    "running",
    "show_comparison",
    "store_uri",
]
