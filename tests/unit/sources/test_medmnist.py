"""MedMNIST files: every layout, the official split, names of labels, damage, and no network."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import DataError, ParameterError
from pipeline.sources.medmnist import MedMnist
from pipeline.sources.medmnist_sets import SETS
from pipeline.sources.source import Broken, Target

SHARED = Path(__file__).parents[4] / "shared" / "data"
COUNTS = {"train": 6, "val": 2, "test": 4}


def arrays(shape=(28, 28), dtype=np.uint8, classes=2, column=True, seed=0):
    """The arrays of a file in MedMNIST's layout."""
    rng = np.random.default_rng(seed)
    content = {}
    for part, count in COUNTS.items():
        labels = (np.arange(count) % classes).astype(np.uint8)
        content[f"{part}_images"] = rng.integers(0, 256, (count, *shape)).astype(dtype)
        content[f"{part}_labels"] = labels[:, None] if column else labels
    return content


def saved(root, content, name="mine.npz", compressed=True):
    """Write the file and return its path."""
    root.mkdir(parents=True, exist_ok=True)
    (np.savez_compressed if compressed else np.savez)(root / name, **content)
    return root / name


def source(path, size=(28, 28), window=None, **options):
    """Open a file."""
    return MedMnist(path, MedMnist.Options(**options), Target(size, window, 0))


class TestReading:
    """Pixels, labels and parts come out as they were written."""

    @pytest.mark.parametrize("compressed", [True, False])
    @pytest.mark.parametrize("column", [True, False], ids=["labels (N, 1)", "labels (N,)"])
    def test_grey(self, tmp_path, compressed, column):
        """Grey images of three parts, in order, with labels of either shape."""
        content = arrays(column=column)
        scans = list(source(saved(tmp_path, content, compressed=compressed)).scans())
        assert [scan.part for scan in scans] == ["train"] * 6 + ["val"] * 2 + ["test"] * 4
        assert [scan.label for scan in scans] == ["0", "1"] * 6
        for index, part in enumerate(("train", "val", "test")):
            first = (0, 6, 8)[index]
            for offset, image in enumerate(content[f"{part}_images"]):
                assert (scans[first + offset].image == image[None]).all()

    def test_colour(self, tmp_path):
        """(N, H, W, 3) becomes three channels, first."""
        content = arrays((28, 28, 3))
        images = source(saved(tmp_path, content))
        assert images.settings().channels == ("red", "green", "blue")
        first = next(images.scans())
        assert (first.image == content["train_images"][0].transpose(2, 0, 1)).all()

    def test_volumes(self, tmp_path):
        """(N, D, H, W) becomes volumes."""
        content = arrays((12, 14, 16))
        first = next(source(saved(tmp_path, content), size=(12, 14, 16)).scans())
        assert (first.image == content["train_images"][0][None]).all()

    def test_16_bit(self, tmp_path):
        """16-bit images have a wider window."""
        images = source(saved(tmp_path, arrays(dtype=np.uint16)))
        assert images.settings().window == (0.0, 65535.0)

    def test_another_size_is_resized(self, tmp_path):
        """28 pixels become 32, still whole grey levels of the same mean."""
        content = arrays()
        content["train_images"][:] = np.linspace(0, 255, 28).astype(np.uint8)
        first = next(source(saved(tmp_path, content), size=(32, 32)).scans())
        assert first.image.shape == (1, 32, 32)
        assert first.image.dtype == np.uint8
        assert abs(first.image.mean() - content["train_images"][0].mean()) < 0.6

    def test_a_constant_image_is_broken(self, tmp_path):
        """A blank image is set aside, and the count stays."""
        content = arrays()
        content["val_images"][1] = 7
        images = source(saved(tmp_path, content))
        items = list(images.scans())
        assert len(items) == len(images) == 12
        assert [index for index, item in enumerate(items) if isinstance(item, Broken)] == [7]


class TestNames:
    """What labels are called."""

    def test_published_names_by_file_name(self, tmp_path):
        """A file called like a published set has its names, also at another resolution."""
        for name in ("breastmnist.npz", "breastmnist_64.npz"):
            images = source(saved(tmp_path, arrays(), name))
            assert images.settings().classes == ("malignant", "normal or benign")

    def test_published_names_by_option(self, tmp_path):
        """The option names the set of a file called otherwise."""
        images = source(saved(tmp_path, arrays()), name="nodulemnist3d")
        assert images.settings().classes == ("benign", "malignant")

    def test_unknown_sets_have_numbers(self, tmp_path):
        """A file of one's own has its label numbers for names."""
        assert source(saved(tmp_path, arrays(classes=3))).settings().classes == ("0", "1", "2")

    def test_own_names_may_join_classes(self, tmp_path):
        """Two numbers of one name are one class."""
        own = {0: "normal", 1: "lesion", 2: "lesion"}
        images = source(saved(tmp_path, arrays(classes=3)), labels=own)
        assert images.settings().classes == ("normal", "lesion")
        assert {scan.label for scan in images.scans()} == {"normal", "lesion"}

    def test_own_names_must_be_complete(self, tmp_path):
        """A label without a name is an error that says which."""
        with pytest.raises(ParameterError, match=r"ingest\.options\.labels: does not name label 1"):
            source(saved(tmp_path, arrays()), labels={0: "normal"})

    def test_published_table_is_sound(self):
        """All 18 sets have distinct names, and an md5 for every resolution."""
        assert len(SETS) == 18
        sums = [md5 for published in SETS.values() for md5 in published.md5.values()]
        assert len(set(sums)) == len(sums) == 12 * 4 + 6 * 2
        assert all(len(md5) == 32 and int(md5, 16) for md5 in sums)
        for published in SETS.values():
            assert len(set(published.labels)) == len(published.labels)


class TestFinding:
    """Which file is read."""

    def test_the_only_file_of_a_directory(self, tmp_path):
        """A directory with one file needs no name."""
        saved(tmp_path, arrays())
        assert len(source(tmp_path)) == 12

    def test_several_files_need_a_name(self, tmp_path):
        """With two files the set must be named, and then the resolution chooses."""
        saved(tmp_path, arrays(), "breastmnist.npz")
        saved(tmp_path, arrays((64, 64)), "breastmnist_64.npz")
        with pytest.raises(ParameterError, match=r"ingest\.path: holds 2 \.npz files"):
            source(tmp_path)
        images = source(tmp_path, size=(64, 64), name="breastmnist", resolution=64)
        assert next(images.scans()).image.shape == (1, 64, 64)

    def test_an_absent_set_says_how_to_get_it(self, tmp_path):
        """Nothing is fetched unless asked; the message says how to ask."""
        with pytest.raises(ParameterError, match="download: true"):
            source(tmp_path, name="breastmnist")

    def test_the_shared_set(self):
        """BreastMNIST: 546, 78 and 156 images, of which 147, 21 and 42 are malignant."""
        folder = SHARED / "breastmnist"
        if not folder.exists():
            pytest.skip(f"{folder} is absent")
        scans = list(source(folder).scans())
        for part, count, malignant in (("train", 546, 147), ("val", 78, 21), ("test", 156, 42)):
            labels = [scan.label for scan in scans if scan.part == part]
            assert (len(labels), labels.count("malignant")) == (count, malignant)


class TestDownload:
    """Fetching, without a network: pooch's transport is replaced."""

    @pytest.fixture
    def fetched(self, monkeypatch):
        """Serve bytes instead of the network, and list what was asked for."""
        import pooch

        asked = []

        def serve(content):
            class Server:
                def __call__(self, url, output_file, _pooch, **_):
                    asked.append(url)
                    if isinstance(content, Exception):
                        raise content
                    Path(output_file).write_bytes(content)

            monkeypatch.setattr(pooch.core, "choose_downloader", lambda *_, **__: Server())
            return asked

        return serve

    def content(self):
        """The bytes of a small valid file."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays())
        return buffer.getvalue()

    def test_the_published_md5_is_checked(self, tmp_path, fetched):
        """A file with another md5 is not kept."""
        asked = fetched(self.content())
        with pytest.raises(DataError, match="its md5 is not the published 750601b1"):
            source(tmp_path, name="breastmnist", download=True)
        assert asked == ["https://zenodo.org/records/10519652/files/breastmnist.npz?download=1"]
        assert not list(tmp_path.iterdir())

    def test_a_sound_file_is_kept_and_not_fetched_again(self, tmp_path, fetched, monkeypatch):
        """With the right md5 the file lands in ingest.path, once."""
        content = self.content()
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        monkeypatch.setitem(SETS["breastmnist"].md5, 28, md5)
        asked = fetched(content)
        for _ in range(2):
            assert len(source(tmp_path, name="breastmnist", download=True)) == 12
        assert len(asked) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["breastmnist.npz"]

    def test_no_network_is_one_sentence(self, tmp_path, fetched):
        """Without a network the message says what to do, and is no traceback of a library's."""
        import requests

        fetched(requests.exceptions.ConnectionError("Max retries exceeded"))
        with pytest.raises(DataError, match=r"no network, .* put it into ingest\.path") as error:
            source(tmp_path, name="breastmnist", download=True)
        assert "retries" not in str(error.value)

    @pytest.mark.parametrize(
        ("options", "place"),
        [
            ({"name": "brestmnist"}, "ingest.options.name"),
            ({}, "ingest.options.name"),
            ({"name": "nodulemnist3d", "resolution": 224}, "ingest.options.resolution"),
        ],
    )
    def test_what_is_not_published_is_refused(self, tmp_path, options, place):
        """An unknown set, no set, and an unpublished resolution are errors before fetching."""
        with pytest.raises(ParameterError) as error:
            source(tmp_path, download=True, **options)
        assert error.value.parameter == place


def without(key):
    """The arrays but one."""
    return {name: array for name, array in arrays().items() if name != key}


def changed(**values):
    """The arrays, some replaced."""
    return arrays() | values


MALFORMED = {
    "holds no val_labels": without("val_labels"),
    "holds no test_images": {"x": np.zeros(3)},
    "several labels an image": changed(test_labels=np.zeros((4, 14), np.uint8)),
    "labels, expected whole numbers": changed(test_labels=np.zeros(4)),
    "5 labels": changed(test_labels=np.zeros(5, np.uint8)),
    "images, expected uint8": changed(train_images=np.zeros((6, 28, 28))),
    "different shapes": changed(val_images=np.zeros((2, 27, 28), np.uint8)),
    "has images of shape": changed(train_images=np.zeros((6, 28), np.uint8)),
    "damaged or not plain": changed(test_labels=np.array([{}] * 4, object)),
    "not plain numbers": changed(train_images=np.asfortranarray(arrays()["train_images"])),
}


class TestMalformed:
    """A file that is not of this kind is one sentence that says why."""

    @pytest.mark.parametrize("reason", MALFORMED)
    def test_arrays(self, tmp_path, reason):
        """Missing, contradicting or unusable arrays are named."""
        with pytest.raises(DataError, match=reason):
            source(saved(tmp_path, MALFORMED[reason]))

    @pytest.mark.parametrize("keep", [0, 10, 400])
    def test_truncated(self, tmp_path, keep):
        """A file that ends too early is an error, however early."""
        path = saved(tmp_path, arrays())
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(DataError, match=r"not an \.npz file, or is truncated"):
            source(path)

    def test_one_wrong_byte(self, tmp_path):
        """A byte flipped among the pixels is found by the archive's checksum."""
        path = saved(tmp_path, arrays(), compressed=False)
        content = bytearray(path.read_bytes())
        content[1000] ^= 1
        path.write_bytes(bytes(content))
        with pytest.raises(DataError, match="checksum"):
            source(path)

    def test_a_header_that_promises_more(self, tmp_path):
        """A header of more images than there are bytes is found before any is read."""
        path = saved(tmp_path, arrays(), compressed=False)
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        images = files["train_images.npy"]
        files["train_images.npy"] = images.replace(b"(6, 28, 28)", b"(9, 28, 28)")
        files["train_labels.npy"] = files["train_labels.npy"].replace(b"(6, 1)", b"(9, 1)")
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        with pytest.raises(DataError, match="damaged"):
            source(path)

    def test_the_wrong_number_of_axes(self, tmp_path):
        """A 2D set cannot be made into volumes."""
        with pytest.raises(ParameterError, match=r"ingest\.size: .*this set is 2D"):
            source(saved(tmp_path, arrays()), size=(28, 28, 28))
