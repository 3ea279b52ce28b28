"""Image folders: formats, depths, orientation, crops, masks, and every way to be broken."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipeline.errors import DataError, ParameterError
from pipeline.sources.image_folder import ImageFolder
from pipeline.sources.source import Broken, Scan, Target
from pipeline.sources.validity import problem_with

SHARED = Path(__file__).parents[4] / "shared" / "data"
RAMP = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
SECRET = "DOE^JANE_19700101"


def source(root, *, size=(6, 8), window=None, **options):
    """Open a folder at the size of the test images."""
    return ImageFolder(root, ImageFolder.Options(**options), Target(size, window, 0))


def saved(path, pixels=RAMP, **options):
    """Save pixels as the path's ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def only(root, **options):
    """The one item of a folder."""
    (item,) = source(root, **options).scans()
    return item


def in_table(root, *rows, heading="file,mask,label,patient,age"):
    """Write table.csv and give the options that read it."""
    text = "\n".join([heading, *rows]) + "\n"
    (root / "table.csv").write_text(text, encoding="utf-8")
    return {"table": "table.csv", "mask": "mask", "patient": "patient", "attributes": ("age",)}


def png(width, height, depth, colour, data):
    """A PNG of any bit depth and colour type, chunk by chunk (PNG specification, section 11)."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


class TestFormats:
    """Pixels come out as they were written."""

    @pytest.mark.parametrize("ending", ["png", "bmp", "tif", "tiff", "PNG"])
    def test_lossless_grey(self, tmp_path, ending):
        """8-bit grey is returned value by value."""
        saved(tmp_path / "a" / f"x.{ending}")
        scan = only(tmp_path)
        assert scan.image.dtype == np.uint8
        assert (scan.image == RAMP[None]).all()

    def test_jpeg(self, tmp_path):
        """JPEG is returned up to its compression."""
        saved(tmp_path / "a" / "x.jpg", quality=100)
        assert np.abs(only(tmp_path).image[0].astype(int) - RAMP).max() <= 3

    @pytest.mark.parametrize(
        "compression", [None, "tiff_lzw", "tiff_adobe_deflate"], ids=["raw", "lzw", "deflate"]
    )
    @pytest.mark.parametrize("ending", ["png", "tif"])
    def test_16_bit_grey(self, tmp_path, ending, compression):
        """16-bit grey keeps all of its bits."""
        deep = RAMP.astype(np.uint16) * 257 + 3
        options = {"compression": compression} if ending == "tif" and compression else {}
        saved(tmp_path / "a" / f"x.{ending}", deep, **options)
        scan = only(tmp_path, bits=16, window=(0, 65535))
        assert scan.image.dtype == np.uint16
        assert (scan.image == deep[None]).all()

    @pytest.mark.parametrize(
        ("order", "photometric"), [("<", "minisblack"), (">", "minisblack"), ("<", "miniswhite")]
    )
    def test_16_bit_orders(self, tmp_path, order, photometric):
        """Either byte order is read, and a TIFF whose zero is white is inverted."""
        deep = RAMP.astype(np.uint16) * 257
        (tmp_path / "a").mkdir()
        file = tmp_path / "a" / "x.tif"
        tifffile.imwrite(file, deep, photometric=photometric, byteorder=order)
        expected = 65535 - deep if photometric == "miniswhite" else deep
        assert (only(tmp_path, bits=16, window=(0, 65535)).image == expected[None]).all()

    def test_colour_becomes_grey_by_luminance(self, tmp_path):
        """Grey is 0.299 red + 0.587 green + 0.114 blue (ITU-R 601)."""
        rng = np.random.default_rng(0)
        colour = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
        saved(tmp_path / "a" / "x.png", colour)
        expected = colour @ np.array([0.299, 0.587, 0.114])
        assert np.abs(only(tmp_path).image[0] - expected).max() <= 0.51

    def test_colour_is_kept_where_asked(self, tmp_path):
        """With rgb, colour is returned channel first and grey is repeated."""
        colour = np.stack([RAMP, 255 - RAMP, RAMP[::-1]], axis=2)
        saved(tmp_path / "a" / "x.png", colour)
        saved(tmp_path / "a" / "y.png")
        one, two = source(tmp_path, channels="rgb").scans()
        assert (one.image == colour.transpose(2, 0, 1)).all()
        assert (two.image == RAMP).all()
        assert source(tmp_path, channels="rgb").settings().channels == ("red", "green", "blue")

    def test_transparency_is_dropped(self, tmp_path):
        """Alpha changes nothing, even where it says that a pixel is not there."""
        clear = np.dstack([RAMP, RAMP, RAMP, np.zeros_like(RAMP)])
        saved(tmp_path / "a" / "x.png", clear)
        Image.fromarray(RAMP).convert("LA").save(tmp_path / "a" / "y.png")
        for scan in source(tmp_path).scans():
            assert (scan.image == RAMP[None]).all()

    def test_palettes_are_looked_up(self, tmp_path):
        """A palette's numbers are not grey levels: its colours are."""
        picture = Image.fromarray((RAMP > 100).astype(np.uint8), mode="P")
        picture.putpalette([200, 200, 200, 30, 30, 30] + [0] * 750)
        (tmp_path / "a").mkdir()
        picture.save(tmp_path / "a" / "x.png", transparency=b"\x00\xff")
        assert (only(tmp_path).image[0] == np.where(RAMP > 100, 30, 200)).all()

    def test_bilevel_is_black_and_white(self, tmp_path):
        """One bit becomes 0 and 255."""
        Image.fromarray(RAMP > 100).save(saved(tmp_path / "a" / "x.png"))
        assert set(np.unique(only(tmp_path).image)) == {0, 255}

    def test_exif_orientation_is_applied(self, tmp_path):
        """A photograph stored on its side stands upright: orientation 6 turns it clockwise."""
        exif = Image.Exif()
        exif[0x0112] = 6
        saved(tmp_path / "a" / "x.png", RAMP, exif=exif)
        assert (only(tmp_path, size=(8, 6)).image[0] == np.rot90(RAMP, -1)).all()


class TestLabels:
    """Where labels, patients and attributes come from."""

    def test_class_folders(self, tmp_path):
        """The first folder is the class; the order is that of the names."""
        for name in ("b/z.png", "a/deep/y.png", "a/x.png"):
            saved(tmp_path / name)
        scans = list(source(tmp_path).scans())
        assert [(scan.label, scan.key) for scan in scans] == [
            ("a", "a/deep/y.png"),
            ("a", "a/x.png"),
            ("b", "b/z.png"),
        ]
        assert {scan.patient for scan in scans} == {None}
        assert source(tmp_path).settings().folders == ("a", "b")

    def test_what_systems_leave_is_passed_over(self, tmp_path):
        """Hidden files, thumbnails and notes beside the class folders are not scans."""
        saved(tmp_path / "a" / "x.png")
        for name in (".DS_Store", "a/._x.png", "a/Thumbs.db", "README.txt", "__MACOSX/a/x.png"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"x")
        assert len(source(tmp_path)) == len(list(source(tmp_path).scans())) == 1

    def test_patients_by_pattern(self, tmp_path):
        """The pattern's group is the patient; a name that does not fit is broken."""
        for name in ("a/007_left.png", "a/007_right.png", "b/odd.png"):
            saved(tmp_path / name)
        one, two, odd = source(tmp_path, patient_pattern=r"^([^_/]+)_").scans()
        assert (one.patient, two.patient) == ("007", "007")
        assert isinstance(odd, Broken)

    def test_a_table(self, tmp_path):
        """A table gives file, label, patient and attributes, numbers as numbers."""
        saved(tmp_path / "one.png")
        options = in_table(tmp_path, "one.png,,benign,P1,61")
        scan = only(tmp_path, **options)
        assert (scan.label, scan.patient, dict(scan.attributes)) == ("benign", "P1", {"age": 61.0})

    def test_masks_beside_images(self, tmp_path):
        """With a suffix, masks are no images, and several of one image are united."""
        saved(tmp_path / "a" / "x (1).png")
        upper, lower = np.zeros_like(RAMP), np.zeros_like(RAMP)
        upper[1, 1], lower[4, 4] = 255, 255
        saved(tmp_path / "a" / "x (1)_mask.png", upper)
        saved(tmp_path / "a" / "x (1)_mask_1.png", lower)
        scan = only(tmp_path, mask_suffix="_mask", masks="require")
        assert (scan.mask[0] == (upper + lower > 0)).all()

    @pytest.mark.parametrize(("allowed", "problem"), [(False, "its mask is empty"), (True, None)])
    def test_a_normal_image_with_an_empty_mask(self, tmp_path, allowed, problem):
        """It is taken where the options say that an empty mask is right."""
        saved(tmp_path / "normal" / "x.png")
        saved(tmp_path / "normal" / "x_mask.png", np.zeros_like(RAMP))
        options = {"mask_suffix": "_mask", "masks": "require", "empty_masks": allowed}
        scan = only(tmp_path, **options)
        settings = source(tmp_path, **options).settings()
        assert problem_with(scan, settings, RAMP.shape) == problem


class TestViews:
    """How an image becomes one of the size asked for."""

    def test_padding_keeps_the_aspect(self, tmp_path):
        """A wide white image in a square lies between black bars of equal height."""
        white = np.full((8, 16), 200, np.uint8)
        white[0, 0] = 199
        saved(tmp_path / "a" / "x.png", white)
        image = only(tmp_path, size=(16, 16)).image[0]
        assert (image[:4] == 0).all()
        assert (image[-4:] == 0).all()
        assert (image[4:12] >= 199).all()

    def test_stretching_fills(self, tmp_path):
        """Stretched, the same image fills the square."""
        white = np.full((8, 16), 200, np.uint8)
        white[0, 0] = 199
        saved(tmp_path / "a" / "x.png", white)
        assert (only(tmp_path, size=(16, 16), fit="stretch").image >= 199).all()

    @pytest.mark.parametrize("fit", ["pad", "stretch"])
    def test_enlarging_keeps_the_border(self, tmp_path, fit):
        """A bright image enlarged from 28 to 32 pixels is not darkened at its border."""
        bright = np.full((28, 28), 200, np.uint8)
        bright[14, 14] = 180
        saved(tmp_path / "a" / "x.png", bright)
        assert only(tmp_path, size=(32, 32), fit=fit).image.min() >= 180

    @pytest.mark.parametrize("fit", ["pad", "stretch"])
    def test_masks_go_with_their_images(self, tmp_path, fit):
        """Where the image is bright the mask is set, whatever was done to the shape."""
        bright = np.zeros((20, 40), np.uint8)
        bright[4:12, 8:32] = 255
        saved(tmp_path / "x.png", bright)
        saved(tmp_path / "m.png", bright)
        options = in_table(tmp_path, "x.png,m.png,a,p,1")
        scan = only(tmp_path, size=(20, 20), fit=fit, masks="require", **options)
        assert ((scan.image[0] > 127) == (scan.mask[0] > 0)).all()
        assert scan.mask.any()

    def test_the_crop_is_around_the_mask(self, tmp_path):
        """A lesion of 10 pixels with margin 2 takes half of the crop's length, in its middle."""
        image = np.random.default_rng(0).integers(0, 100, (80, 100)).astype(np.uint8)
        image[30:40, 50:60] = 255
        saved(tmp_path / "x.png", image)
        saved(tmp_path / "m.png", (image == 255).astype(np.uint8))
        options = in_table(tmp_path, "x.png,m.png,a,p,1")
        scan = only(tmp_path, size=(20, 20), crop="mask", margin=2.0, **options)
        inside = np.zeros((20, 20), bool)
        inside[5:15, 5:15] = True
        assert ((scan.image[0] == 255) == inside).all()
        assert ((scan.mask[0] == 1) == inside).all()

    def test_a_crop_at_the_border_stays_inside(self, tmp_path):
        """A lesion in the corner is shown with real surroundings, not with a black frame."""
        image = np.full((60, 60), 90, np.uint8)
        image[:10, :10] = 200
        saved(tmp_path / "x.png", image)
        saved(tmp_path / "m.png", (image == 200).astype(np.uint8) * 255)
        options = in_table(tmp_path, "x.png,m.png,a,p,1")
        scan = only(tmp_path, size=(20, 20), crop="mask", margin=2.0, **options)
        assert set(np.unique(scan.image)) == {90, 200}
        assert (scan.image[0, :10, :10] == 200).all()

    def test_smeared_masks_are_thresholded(self, tmp_path):
        """The grey rim that JPEG draws around a mask is not inside it."""
        mask = np.zeros((32, 32), np.uint8)
        mask[8:24, 8:24] = 255
        saved(tmp_path / "x.png", np.arange(1024, dtype=np.uint16).reshape(32, 32).astype(np.uint8))
        saved(tmp_path / "m.jpg", mask, quality=60)
        options = in_table(tmp_path, "x.png,m.jpg,a,p,1")
        scan = only(tmp_path, size=(32, 32), masks="require", **options)
        assert (scan.mask[0] == (mask > 0)).mean() > 0.99


def truncated(folder):
    """A PNG cut in half."""
    path = saved(folder / f"{SECRET}.png", np.tile(RAMP, (20, 20)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def truncated_jpeg(folder):
    """A JPEG cut in half."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    path = saved(folder / f"{SECRET}.jpg", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def truncated_tiff(folder):
    """A TIFF cut in half."""
    path = saved(folder / f"{SECRET}.tif", np.tile(RAMP, (20, 20)), compression="tiff_lzw")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damaged(folder):
    """A PNG with a wrong byte in its pixels."""
    path = saved(folder / f"{SECRET}.png", np.tile(RAMP, (20, 20)))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(bytes(content))


def bomb(folder):
    """A PNG of a few bytes that claims 40,000 x 40,000 pixels."""
    content = png(40000, 40000, 8, 0, b"\0" * 100)
    (folder / f"{SECRET}.png").write_bytes(content)


def pages(folder):
    """A TIFF of two pages."""
    one = Image.fromarray(RAMP)
    one.save(folder / f"{SECRET}.tif", save_all=True, append_images=[one])


def floating(folder):
    """A TIFF of floating-point pixels, one of them NaN."""
    values = RAMP.astype(np.float32)
    values[0, 0] = np.nan
    tifffile.imwrite(folder / f"{SECRET}.tif", values)


def deep_colour(folder):
    """A PNG of 16 bits a channel in colour."""
    content = png(2, 2, 16, 2, (b"\0" + bytes(range(12))) * 2)
    (folder / f"{SECRET}.png").write_bytes(content)


BROKEN = {
    "truncated": truncated,
    "truncated or damaged": truncated_jpeg,
    "or its header is damaged": truncated_tiff,
    "damaged": damaged,
    "claims more than": bomb,
    "several pages": pages,
    "floating-point": floating,
    "16 bits a channel with colour": deep_colour,
    "bits a channel, and ingest.options.bits": lambda f: saved(
        f / f"{SECRET}.png", RAMP.astype(np.uint16) * 200
    ),
    "not a PNG": lambda f: (f / f"{SECRET}.png").write_bytes(b"GIF89a" + bytes(200)),
    "is not a PNG, JPEG": lambda f: (f / f"{SECRET}.jpg").write_text("<html>404</html>"),
    "empty file": lambda f: (f / f"{SECRET}.png").write_bytes(b""),
    "constant": lambda f: saved(f / f"{SECRET}.png", np.full((6, 8), 7, np.uint8)),
    "does not end like": lambda f: (f / f"{SECRET}.webp").write_bytes(b"RIFF"),
}


class TestBroken:
    """Whatever is wrong, a reason comes out that names nobody, and the run goes on."""

    @pytest.mark.parametrize("reason", BROKEN)
    def test_files(self, tmp_path, reason):
        """A broken file yields its reason, and the good one after it is read."""
        folder = tmp_path / SECRET
        folder.mkdir()
        BROKEN[reason](folder)
        saved(tmp_path / "z" / "good.png")
        broken, good = source(tmp_path).scans()
        assert isinstance(broken, Broken)
        assert reason in broken.reason
        assert SECRET not in broken.reason
        assert str(tmp_path) not in broken.reason
        assert isinstance(good, Scan)

    def test_an_image_in_no_class_folder(self, tmp_path):
        """An image beside the class folders has no label."""
        saved(tmp_path / "x.png")
        assert "missing label" in only(tmp_path).reason

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ("x.png,m.png,,p,1", "missing label"),
            ("x.png,m.png,a,,1", "missing patient"),
            ("gone.png,m.png,a,p,1", "missing image"),
            (",m.png,a,p,1", "missing image"),
            ("x.png,,a,p,1", "missing mask"),
            ("x.png,gone.png,a,p,1", "missing mask"),
            ("x.png,other.png,a,p,1", "another shape"),
            ("x.png,empty.png,a,p,1", "mask is empty"),
            ("x.png,text.png,a,p,1", "the mask is not a PNG"),
            ("../x.png,m.png,a,p,1", "outside ingest.path"),
            ("/etc/passwd,m.png,a,p,1", "outside ingest.path"),
            ("C:\\x.png,m.png,a,p,1", "outside ingest.path"),
        ],
    )
    def test_rows(self, tmp_path, row, reason):
        """A broken row yields its reason, without the cell at fault."""
        saved(tmp_path / "x.png")
        saved(tmp_path / "m.png", (RAMP > 100).astype(np.uint8))
        saved(tmp_path / "other.png", RAMP[:, :4])
        saved(tmp_path / "empty.png", np.zeros_like(RAMP))
        (tmp_path / "text.png").write_text("no picture")
        item = only(tmp_path, crop="mask", **in_table(tmp_path, row))
        assert isinstance(item, Broken)
        assert reason in item.reason
        assert "gone" not in item.reason

    def test_a_palette_of_warnings_is_silent(self, tmp_path, recwarn, capfd):
        """Decoders' own warnings, which may name files, never reach the terminal."""
        folder = tmp_path / "a"
        folder.mkdir()
        for make in (damaged, truncated_tiff, bomb):
            make(folder)
            list(source(tmp_path).scans())
        assert not recwarn
        assert SECRET not in "".join(capfd.readouterr())


class TestParameters:
    """A mistake in the parameters is one sentence that names the parameter."""

    @pytest.mark.parametrize(
        ("place", "options"),
        [
            ("ingest.size", {"size": (6, 8, 4)}),
            ("ingest.window", {"bits": 16}),
            ("ingest.options.mask_suffix", {"masks": "require"}),
            ("ingest.options.mask", {"crop": "mask", "table": "t.csv"}),
            ("ingest.options.empty_masks", {"empty_masks": True}),
            (
                "ingest.options.empty_masks",
                {"empty_masks": True, "crop": "mask", "mask_suffix": "_mask", "masks": "require"},
            ),
            ("ingest.options.patient_pattern", {"patient_pattern": "(("}),
            ("ingest.options.patient_pattern", {"patient_pattern": "no group"}),
            ("ingest.options.table", {"table": "gone.csv"}),
        ],
    )
    def test_place(self, tmp_path, place, options):
        """The message starts with the parameter's place."""
        saved(tmp_path / "a" / "x.png")
        with pytest.raises(ParameterError) as error:
            source(tmp_path, **options)
        assert error.value.parameter == place

    def test_a_missing_directory(self, tmp_path):
        """A path that is no directory is an error."""
        with pytest.raises(ParameterError, match=r"ingest\.path"):
            source(tmp_path / "gone")

    def test_an_empty_directory(self, tmp_path):
        """A directory without images is an error."""
        with pytest.raises(DataError, match="holds no images"):
            source(tmp_path)


class TestBusi:
    """The reference set."""

    def test_masked_images_are_read(self):
        """Of 780 images 135 have masks, empty ones the normals; the others say what they lack."""
        root = SHARED / "busi"
        if not root.exists():
            pytest.skip(f"{root} is absent")
        options = {"table": "manifest.csv", "mask": "mask", "masks": "require"}
        busi = source(root, size=(32, 32), **options, empty_masks=True)
        items = list(busi.scans())
        assert len(busi) == len(items) == 780
        labels = [
            item.label
            for item in items
            if isinstance(item, Scan) and problem_with(item, busi.settings(), (32, 32)) is None
        ]
        assert [labels.count(name) for name in ("benign", "malignant", "normal")] == [35, 50, 50]
        assert {item.reason for item in items if isinstance(item, Broken)} == {
            "missing mask: none is given"
        }
