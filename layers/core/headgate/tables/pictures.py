"""One picture and its pixels: the recipe by which training, and whoever asks for a prediction, make numbers of it.

It reads what strangers upload. Only PNG and JPEG are decoded, nothing before its size is known, and whatever a decoder
stumbles over is the picture's fault. Pillow is imported where pictures are, as most datasets have none.
"""

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from headgate.domain.errors import DatasetRefusedError
from headgate.domain.images import MOST_PIXELS_OF_A_PICTURE
from headgate.domain.reasons import Reason

if TYPE_CHECKING:
    from PIL.Image import Image

_COLOURFUL = 8.0
"""How far the channels of a picture have to lie apart on average, of 255, before it counts as one with colours: those
of scanned or compressed gray lie closer."""


def size_of(content: bytes, which: str) -> tuple[int, int]:
    """A picture's height and width the way up that it is to be looked at, from its head; `which` names it in a refusal.

    Raises:
        DatasetRefusedError: PICTURE_UNREADABLE, or TOO_LARGE for one whose pixels would not fit into memory.
    """
    with _opened(content, which) as picture:
        turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # the orientation that cameras note
        width, height = picture.size
        return (width, height) if turned else (height, width)


def is_colourful(content: bytes, which: str) -> bool:
    """Whether a picture has colours that tell anything; raises as `pixels_of` does."""
    with _opened(content, which) as picture:
        small = picture if picture.mode in ("L", "1", "I;16", "I", "LA") else _flat(picture, "RGB").resize((32, 32))
        if small.mode != "RGB":
            return False
        pixels = small.tobytes()
        channels = [pixels[channel::3] for channel in range(3)]
        apart = sum(max(pixel) - min(pixel) for pixel in zip(*channels, strict=True))
        return bool(apart / len(channels[0]) > _COLOURFUL)


def pixels_of(content: bytes, shape: Sequence[int], which: str) -> bytes:
    """A picture's pixels as [height, width, channels], row by row, each number a byte from 0 (black) to 255 (white).

    The recipe `pictures-1`: the way up that the camera noted, transparency on white, 16 bits as 8, gray by ITU-R 601-2
    luma where there is one channel, then Pillow's bilinear filter, which takes the mean of all that a new pixel covers.

    Args:
        content: of the file.
        shape: of the pixels; `channels` is 1 or 3.
        which: what the picture is called in a refusal; never its name, which may tell of a person.

    Raises:
        DatasetRefusedError: PICTURE_UNREADABLE for what is no whole PNG or JPEG; TOO_LARGE.
    """
    height, width, channels = shape
    with _opened(content, which) as picture:
        from PIL import Image

        flat = _flat(picture, "RGB" if channels == 3 else "L")
        return flat.resize((width, height), Image.Resampling.BILINEAR).tobytes()


def _flat(picture: "Image", mode: str) -> "Image":
    from PIL import Image, ImageOps

    ImageOps.exif_transpose(picture, in_place=True)  # another copy of a large picture is a hundred megabytes
    turned = picture
    if turned.mode in ("I", "I;16", "I;16B", "I;16L", "I;16N"):  # of these `convert` cuts off what lies above 255
        turned = turned.convert("I").point(lambda value: value * (1 / 256))
    if turned.has_transparency_data:
        clear = turned if turned.mode == "RGBA" else turned.convert("RGBA")
        turned = Image.new("RGB", clear.size, "white")
        turned.paste(clear, mask=clear.getchannel("A"))
    return turned if turned.mode == mode else turned.convert(mode)


@contextmanager
def _opened(content: bytes, which: str) -> Iterator["Image"]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
            if math.prod(picture.size) > MOST_PIXELS_OF_A_PICTURE:
                raise Image.DecompressionBombError
            yield picture
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # Pillow has a bound of its own, too
        raise DatasetRefusedError(
            Reason.TOO_LARGE,
            f"{which} has more than {MOST_PIXELS_OF_A_PICTURE // 10**6} million pixels. Shrink it: only a small "
            "copy is learned from.",
        ) from None
    except Exception:  # a decoder raises anything on damaged bytes, and its words may quote them
        raise DatasetRefusedError(
            Reason.PICTURE_UNREADABLE,
            f"{which} is no whole PNG or JPEG picture: it is damaged, cut off, or something else under such a name. "
            "Replace it, or leave it out.",
        ) from None
