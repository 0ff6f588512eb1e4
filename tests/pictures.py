"""Pictures and archives of them for tests, the same bytes every time."""

import io
import random
import zipfile
from collections.abc import Mapping

from PIL import Image


def picture(
    seed: int = 0, size: tuple[int, int] = (12, 10), mode: str = "L", form: str = "PNG", shade: int = 128
) -> bytes:
    """A picture (`size` is width and height) whose pixels lie by chance around a shade, as a file."""
    rand = random.Random(seed)
    made = Image.new(mode, size)
    channels = len(made.getbands())
    numbers = bytes(min(255, max(0, shade + rand.randrange(-60, 60))) for _ in range(size[0] * size[1] * channels))
    made = Image.frombytes(mode, size, numbers)
    content = io.BytesIO()
    made.save(content, form)
    return content.getvalue()


def archive(files: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A ZIP archive of files by name."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as packed:
        for name, body in files.items():
            packed.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), body, compression)
    return content.getvalue()


def folders(rows: int = 120, **how: object) -> dict[str, bytes]:
    """Pictures in two folders of classes that are told apart by their shade."""
    return {
        f"shades/{('dark', 'light')[n % 2]}/{n:03}.png": picture(n, shade=90 + 80 * (n % 2), **how)  # type: ignore[arg-type]
        for n in range(rows)
    }
