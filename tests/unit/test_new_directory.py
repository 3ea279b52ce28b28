"""What a command writes as a whole, and where it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.new_directory import new_directory


def test_it_takes_its_name_when_it_is_whole(tmp_path):
    """And leaves nothing where writing failed."""
    with new_directory(tmp_path / "out") as half:
        half.mkdir()
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out").is_dir()
    with pytest.raises(KeyError), new_directory(tmp_path / "other") as half:
        half.mkdir()
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("out", [".", "..", "sub/..", "there"])
def test_what_is_there_stays(tmp_path, monkeypatch, out):
    """However it is written."""
    (tmp_path / "there").mkdir()
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="is there already"), new_directory(Path(out)):
        pass
