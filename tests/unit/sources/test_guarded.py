"""Nothing that a decoding library says gets past."""

import logging
import warnings

import pytest

from pipeline.errors import DataError, PipelineError
from pipeline.sources import guarded


def failing(error):
    """A function that raises."""

    def make():
        raise error

    return make


def test_a_foreign_error_at_opening_keeps_its_text_to_itself():
    """The kind is told, the text is not."""
    with pytest.raises(PipelineError, match="PermissionError") as caught:
        guarded.opened(failing(PermissionError("/scans/DOE^JANE")), "dicom")
    assert "DOE" not in str(caught.value) and caught.value.__suppress_context__


def test_an_error_of_our_own_passes_as_it_is():
    """It was written for the user."""
    ours = DataError("the table", "holds no rows")
    with pytest.raises(DataError) as caught:
        guarded.opened(failing(ours), "dicom")
    assert caught.value is ours


def test_libraries_may_speak_again_afterwards(caplog):
    """Silence ends with the block, also when it ends in an error."""
    with pytest.raises(KeyError), guarded.hushed():
        logging.getLogger("decoder").error("DOE^JANE")
        warnings.warn("DOE^JANE", stacklevel=1)
        raise KeyError
    assert caplog.text == ""
    logging.getLogger("decoder").error("heard")
    assert "heard" in caplog.text
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)
