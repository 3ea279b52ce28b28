"""Reading a source so that nothing a decoding library says can name a patient."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator

from pipeline.errors import PipelineError
from pipeline.sources.source import Broken, Scan, Source


def item_name(number: int) -> str:
    """The pseudonym of the scan at a position of the source, counted from 1."""
    return f"item-{number:05d}"


def opened(make: Callable[[], Source], name: str) -> Source:
    """Make a source, and let no foreign error out.

    Args:
        make: Makes it.
        name: What params.yaml calls it.

    Raises:
        PipelineError: What the source says of a wrong input, or the kind only of another error.
    """
    try:
        return make()
    except PipelineError:
        raise
    except Exception as error:
        raise PipelineError(
            f"ingest: the source {name} cannot be opened and ended in a {type(error).__name__}, "
            "whose text is withheld, since it may name a patient. Check ingest.path and its rights"
        ) from None


def numbered(source: Source, name: str) -> Iterator[tuple[int, Scan | Broken]]:
    """Number a source's scans from 1, and let no foreign error out: its text may name a patient.

    Args:
        source: What to read.
        name: What params.yaml calls it.

    Raises:
        PipelineError: If the source raises; the message gives the kind of the error only.
    """
    scans = iter(source.scans())
    number = 0
    while True:
        number += 1
        try:
            scan = next(scans)
        except StopIteration:
            return
        except PipelineError:
            raise
        except Exception as error:
            raise PipelineError(
                f"ingest: the source {name} stopped at {item_name(number)} with a "
                f"{type(error).__name__}, which it should have set aside; its text is withheld, "
                "since it may name a patient. Take this scan out, or report it"
            ) from None
        yield number, scan


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Silence the warnings of decoding libraries, which quote file names and header values."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
