"""Decode one PNG, JPEG, TIFF or BMP file, or say in words that name nobody why it cannot be.

What a camera or a scanner adds is undone: EXIF orientation is applied, palettes are looked up,
transparency is dropped, "white is zero" is inverted. One file is one image: a TIFF of several
pages is refused, because which page would be meant is a guess. To read one more format: its name
in FORMATS and its ending in SUFFIXES.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from pipeline.sources.source import UnusableError

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
Channels = Literal["grey", "rgb"]
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0


def read_image(path: Path, *, channels: Channels, bits: Literal[8, 16]) -> NDArray[Any]:
    """Read a picture as (1 or 3, rows, columns) uint8 or uint16.

    Args:
        path: The file.
        channels: `grey` weighs colours by ITU-R 601; `rgb` repeats grey three times.
        bits: What every image of the set must have a channel; 1, 2 and 4 count as 8.

    Raises:
        UnusableError: With the reason.
    """
    picture = _read(path, "image")
    pixels, found = picture.pixels, 8 * picture.pixels.itemsize
    if found != bits:
        raise UnusableError(f"{found} bits a channel, and ingest.options.bits says {bits}")
    if pixels.ndim == 3 and channels == "grey":
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))
    if pixels.ndim == 3:
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))
    return np.repeat(pixels[None], 3 if channels == "rgb" else 1, axis=0)


def read_pixels(path: Path) -> NDArray[Any]:
    """Read a picture as (1 or 3, rows, columns), uint8 or uint16, just as the file has it.

    Raises:
        UnusableError: With the reason.
    """
    pixels = _read(path, "image").pixels
    channels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(channels)


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a mask as (1, rows, columns) of 0 and 1.

    Anything above black is inside; in a JPEG, whose compression smears, anything above mid-grey.

    Raises:
        UnusableError: With the reason.
    """
    picture = _read(path, "mask")
    values = picture.pixels.max(axis=2) if picture.pixels.ndim == 3 else picture.pixels
    return np.asarray(values > (127 if picture.smeared else 0), np.uint8)[None]


@dataclass(frozen=True)
class _Picture:
    """A decoded file.

    Args:
        pixels: (rows, columns) or (rows, columns, 3), uint8 or uint16.
        smeared: Whether compression has moved values off black and white.
    """

    pixels: NDArray[Any]
    smeared: bool


def _read(path: Path, what: str) -> _Picture:
    if not path.is_file():
        raise UnusableError(f"missing {what}: there is no such file")
    try:
        if path.stat().st_size == 0:
            raise UnusableError(f"the {what} is an empty file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they name files
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as picture:
                return _decode(picture, what)
    except UnusableError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        most = (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise UnusableError(f"the {what} claims more than {most} million pixels") from None
    except UnidentifiedImageError:
        reason = f"the {what} is not a PNG, JPEG, TIFF or BMP file, or its header is damaged"
        raise UnusableError(reason) from None
    except PermissionError:
        raise UnusableError(f"the {what} cannot be read: permission denied") from None
    except Exception:  # decoders raise whatever damaged bytes lead them to
        raise UnusableError(f"the {what} is truncated or damaged") from None


def _decode(picture: ImageFile.ImageFile, what: str) -> _Picture:
    """Load the pixels upright, without palette or transparency."""
    if picture.mode in ("I", "F"):
        raise UnusableError(f"the {what} has floating-point, signed or 32-bit pixels")
    if picture.format == "TIFF" and getattr(picture, "n_frames", 1) > 1:
        raise UnusableError(f"the {what} is a TIFF of several pages: give one page a file")
    deep = _is_16_bit(picture)
    if deep and not picture.mode.startswith("I;16"):  # Pillow would keep the upper 8 bits only
        raise UnusableError(
            f"the {what} has 16 bits a channel with colour or transparency: save it as 8 bits"
        )
    inverted = getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    upright = ImageOps.exif_transpose(picture)
    if deep:
        values = np.asarray(upright).astype(np.uint16)
        return _Picture(65535 - values if inverted else values, smeared=False)
    if upright.mode in ("P", "PA"):
        upright = upright.convert("RGBA")
    pixels = np.asarray(upright.convert("L" if upright.mode in ("1", "L", "LA") else "RGB"))
    return _Picture(pixels, smeared=picture.format == "JPEG")


def _is_16_bit(picture: ImageFile.ImageFile) -> bool:
    """Tell by how the bytes lie in the file, because the mode of 16-bit colour says 8."""
    arguments = picture.tile[0].args if picture.tile else ""
    raw = arguments[0] if isinstance(arguments, tuple) else arguments
    return "16" in str(raw)
