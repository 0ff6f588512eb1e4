"""Bytes on their way to a plain file; how they are cut into blocks must not matter."""

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headgate.domain.errors import DatasetRefusedError
from headgate.tables.intake import Format, save

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def saved(blocks: list[bytes], folder: Path, **limits: int) -> tuple[str, bytes]:
    """The format (or the reason code of the refusal), and what is in the file."""
    path = folder / "plain"
    path.unlink(missing_ok=True)
    try:
        kind = save(iter(blocks), path, **limits)
    except DatasetRefusedError as refusal:
        return refusal.reason_code, b""
    return str(kind), path.read_bytes() if path.exists() else b""


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


@pytest.mark.parametrize(
    ("content", "kind", "plain"),
    [
        (b"", "None", b""),
        (b"\n\r\n", "None", b""),
        (b"\xef\xbb\xbf", "None", b""),
        (b"a,b\n1,2\n", Format.CSV, b"a,b\n1,2\n"),
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n", Format.CSV, b"a,b\n1,2\n"),
        (b"a\r1\r2", Format.CSV, b"a\r1\r2"),
        (b"a\r1\r", Format.CSV, b"a\r1\r"),
        (b'\n{"a": 1}\n', Format.JSON_LINES, b'{"a": 1}\n'),
        (b"PAR1\0\xffPAR1", Format.PARQUET, b"PAR1\0\xffPAR1"),
        ("é,ü\nß,𝄞\n".encode(), Format.CSV, "é,ü\nß,𝄞\n".encode()),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("packed", [False, True])
def test_content_is_told_from_its_bytes(
    tmp_path: Path, content: bytes, kind: str, plain: bytes, size: int, packed: bool
) -> None:
    assert saved(cut(gzip.compress(content) if packed else content, size), tmp_path) == (kind, plain)


@SHARED
@given(content=st.binary(max_size=400), size=st.integers(1, 50))
def test_blocks_do_not_matter(tmp_path: Path, content: bytes, size: int) -> None:
    for form in (content, gzip.compress(content), gzip.compress(content)[:-3], b"\xef\xbb\xbfa" + content):
        assert saved(cut(form, size), tmp_path) == saved([form], tmp_path)


@SHARED
@given(st.text(alphabet=st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1))
def test_text_is_kept_as_it_is(tmp_path: Path, text: str) -> None:
    kind, plain = saved([("x" + text).encode()], tmp_path)
    assert (kind, plain) == (Format.CSV, ("x" + text).encode())


def test_a_dataset_larger_than_the_limit_is_refused_on_the_way(tmp_path: Path) -> None:
    asked = []

    def endless():
        while True:
            asked.append(1)
            yield b"1,2\n" * 1000

    with pytest.raises(DatasetRefusedError) as refusal:
        save(endless(), tmp_path / "plain", max_bytes=1_000_000)
    assert refusal.value.reason_code == "TOO_LARGE"
    assert len(asked) < 300


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 10_000_000)
    assert saved([bomb], tmp_path)[0] == "GZIP_BOMB"
    assert not (tmp_path / "plain").exists()


def test_a_small_file_may_compress_well(tmp_path: Path) -> None:
    content = b"a,b\n" + b"1,2\n" * 100_000
    assert len(content) > 100 * len(gzip.compress(content))
    assert saved([gzip.compress(content)], tmp_path) == (Format.CSV, content)


@pytest.mark.parametrize("size", [1000, 32 * 1024, 1024**2])
def test_a_line_without_end_is_refused_whatever_the_blocks(tmp_path: Path, size: int) -> None:
    content = b"a,b\n" + b"x" * 100_000 + b",2\n"
    assert saved(cut(content, size), tmp_path)[0] == "ROW_TOO_LONG"
    assert saved(cut(b"a,b\n" + (b"x" * 30_000 + b",2\n") * 9, size), tmp_path)[0] == Format.CSV
