"""The command sample: images of a trained family, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.gan.generator import image_seed
from pipeline.imageset import ImageSet
from pipeline.seeding import derive
from pipeline.tracking import NullRun
from pipeline.workflows import sample, train_gan
from tests import tiny_project

LABEL = tiny_project.CLASSES[1]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a trained `dcgan`."""
    root = tmp_path_factory.mktemp("project")
    tiny_project.make(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(root))
        train_gan.run(tiny_project.params(), root, "dcgan", NullRun())
    return root


def sampled(root, **wanted):
    """Run the command and open what it wrote."""
    return ImageSet.open(sample.run(tiny_project.params(), root, sample.Order("dcgan", **wanted)))


def test_makes_what_is_asked_for(project):
    """All classes without a label; each row with its own seed; a picture beside them."""
    images = sampled(project, count=3, seed=7)
    assert images.root == project / "samples/dcgan-r0f0g0-s7"
    assert images.manifest["label"].tolist() == [
        name for name in tiny_project.CLASSES for _ in range(3)
    ]
    seeds = images.manifest["seed"].astype(int).tolist()
    assert seeds[4] == image_seed(7, LABEL, 1) == derive(7, "sample", LABEL, 1)
    assert images.manifest["origin"].eq("dcgan").all()
    assert (images.root / "preview.png").exists()


def test_a_class_alone_is_what_it_was_among_all(project):
    """Neither the other classes nor the count change an image."""
    alone = sampled(project, label=LABEL, count=2, seed=8)
    among = sampled(project, count=4, seed=8)
    of_class = among.take(among.manifest["label"].eq(LABEL).to_numpy(bool))
    assert np.array_equal(alone.stored(), of_class.stored()[:2])


def test_refuses_to_overwrite(project, tmp_path):
    """What is there stays as it is."""
    (tmp_path / "there").mkdir()
    with pytest.raises(DataError, match="is there already and stays"):
        sampled(project, out=tmp_path / "there")
    assert not list((tmp_path / "there").iterdir())


@pytest.mark.parametrize("place", ["file/x", "file/x/y"])
def test_says_where_it_cannot_write(project, tmp_path, place):
    """Below a file there is no directory."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"--out: .* cannot be written to .*; choose another"):
        sampled(project, out=tmp_path / place)


@pytest.mark.parametrize(
    ("family", "wanted", "sentence"),
    [
        ("dcgan", {"label": "x"}, "--label: got 'x'; choose one of benign, malign / grade: 3"),
        ("dcgan", {"model": "r9f0g0"}, "--fold: got 'r9f0g0'; choose one of r0f0g0"),
        ("cgan", {}, "`cgan` is not trained"),
        ("gcan", {}, "got 'gcan'; choose one of acgan"),
    ],
)
def test_says_what_there_is_instead(project, family, wanted, sentence):
    """A mistake is a sentence, and leaves nothing behind."""
    before = sorted(path.name for path in (project / "samples").glob("*"))
    with pytest.raises(DataError) as caught:
        sample.run(tiny_project.params(), project, sample.Order(family, **wanted))
    assert sentence in str(caught.value)
    assert sorted(path.name for path in (project / "samples").glob("*")) == before
