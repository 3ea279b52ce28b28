"""The errors that a user's mistake or a broken input can cause.

Every message says the place (file or parameter), the value, what is allowed and what to do.
Stage scripts and the command line print such an error as one sentence, without a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable


class PipelineError(Exception):
    """A problem that the person who runs the pipeline can mend."""


class ParameterError(PipelineError):
    """A parameter in params.yaml is wrong.

    Args:
        parameter: Dotted place in params.yaml, e.g. `train_gan.families`.
        problem: What is wrong and what to do, starting in lower case.
    """

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"params.yaml: {parameter}: {problem}")
        self.parameter = parameter
        self._problem = problem

    def __reduce__(self) -> tuple[type[ParameterError], tuple[str, str]]:
        """Travel from a worker process to its parent, which pickle alone cannot do here."""
        return type(self), (self.parameter, self._problem)


class DataError(PipelineError):
    """A file of the pipeline's own, or of the user's, cannot be used as it is.

    Args:
        place: The file or directory at fault, free of patient identifiers.
        problem: What is wrong and what to do, starting in lower case.
    """

    def __init__(self, place: object, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = str(place)
        self._problem = problem

    def __reduce__(self) -> tuple[type[DataError], tuple[str, str]]:
        """Travel from a worker process to its parent, which pickle alone cannot do here."""
        return type(self), (self.place, self._problem)


class LeakError(PipelineError):
    """Images that must not be seen have reached a training set."""


def choose_one_of(value: object, choices: Iterable[str]) -> str:
    """Phrase the usual complaint about a wrong name: what was got and what is allowed."""
    return f"got {value!r}; choose one of {', '.join(sorted(choices))}"
