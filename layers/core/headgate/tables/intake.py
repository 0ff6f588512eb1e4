"""From a stream of bytes to a plain file: what must not reach a parser is refused on the way, block by block."""

import codecs
import zlib
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain
from pathlib import Path

from headgate.domain import retraining
from headgate.domain.checks import MAX_COLUMNS, too_many_columns
from headgate.domain.errors import DatasetRefusedError
from headgate.domain.names import MAX_BYTES
from headgate.domain.reasons import Reason

MAX_LINE_BYTES = 32 * 1024
"""Bytes of a line. The engine works on 2048 rows at a time in each thread, which have to fit into memory."""

_MAX_RATIO = 100
_RATIO_COUNTS_FROM = 1024**2  # below that a file of equal rows is no attack, however well it compresses
BLOCK_BYTES = 1024**2
"""What a dataset is read and checked in. Of 4 MB each block is new memory, which takes a tenth longer, and at times
five times as long.
"""
_DELIMITERS = (b",", b";", b"\t", b"|")


class Format(StrEnum):
    """What a file holds, told by its first bytes and not by its name."""

    CSV = "CSV"
    JSON_LINES = "JSON Lines"
    PARQUET = "Parquet"
    PICTURES = retraining.PICTURES


def save(blocks: Iterable[bytes], path: Path, *, max_bytes: int = MAX_BYTES) -> Format | None:
    """Write a file that may be compressed as a plain one, checking every byte; memory stays within a few blocks.

    Text becomes UTF-8 without byte order mark, with `\\n` for `\\r\\n`, without leading empty lines.

    Returns:
        The format, or None for a file without content.

    Raises:
        DatasetRefusedError: GZIP_BOMB, GZIP_TRUNCATED, UNSUPPORTED_FORMAT, NOT_UTF8, NUL_BYTES, TOO_LARGE.
    """
    start, blocks = _peek(blocks)
    if start.startswith(b"\x1f\x8b"):
        start, blocks = _peek(_gunzip(blocks))
    if start.startswith(b"PAR1"):
        content, kind = blocks, Format.PARQUET
    elif start.startswith((b"PK\x03\x04", b"PK\x05\x06")):  # whether pictures are in it, is seen when all is here
        content, kind = blocks, Format.PICTURES
    else:
        _refuse_other_formats(start)
        content = _text(blocks)
        start, content = _peek(content)
        if not start:
            return None
        kind = Format.JSON_LINES if start.startswith(b"{") else Format.CSV
    written = 0
    with path.open("wb", buffering=0) as file:
        for block in content:
            written += len(block)
            if written > max_bytes:
                raise too_large(max_bytes)
            file.write(block)
    return kind


def too_large(max_bytes: int) -> DatasetRefusedError:
    """The refusal of a dataset that does not fit."""
    return DatasetRefusedError(
        Reason.TOO_LARGE,
        f"The dataset is larger than {max_bytes / 1024**3:.3g} GB (counted after decompression). "
        "Train on a sample of its rows, or leave columns out.",
    )


def _peek(blocks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes (at least 4, unless there are fewer), and the whole stream still."""
    iterator = iter(blocks)
    start = b""
    for block in iterator:
        start += block
        if len(start) >= 4:
            break
    return start, chain([start] if start else [], iterator)


def _refuse_other_formats(start: bytes) -> None:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _not_utf8("It is UTF-16")
    if start.startswith(b"\x1f\x8b"):
        raise DatasetRefusedError(Reason.UNSUPPORTED_FORMAT, "The file is compressed twice. Compress it once.")
    if start.lstrip().startswith(b"["):
        raise DatasetRefusedError(
            Reason.UNSUPPORTED_FORMAT, "This begins as a JSON array. Write one JSON object on each line instead."
        )


def _text(blocks: Iterable[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    seen, carried, leading = 0, b"", True
    lines = _LineLengths()
    for raw in blocks:
        nul = raw.find(0)
        text = raw if nul < 0 else raw[:nul]
        try:
            # Most blocks are ASCII, which is told twenty times as fast as text is decoded.
            if decoder.getstate()[0] or not text.isascii():
                decoder.decode(text)
        except UnicodeDecodeError as error:
            raise _not_utf8(f"Around byte {seen + error.start} it is something else") from None
        if nul >= 0:
            raise DatasetRefusedError(
                Reason.NUL_BYTES,
                f"There is a NUL byte at byte {seen + nul}, so this is not text. Export the table anew.",
            )
        seen += len(raw)
        block, carried = carried + raw, b""
        if block.endswith(b"\r"):
            block, carried = block[:-1], b"\r"
        returns = b"\r" in block
        if returns:
            block = block.replace(b"\r\n", b"\n")
        if leading:
            block = block.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
            leading = not block
        if block:
            lines.check(block, (b"\n", b"\r") if returns else (b"\n",))
            yield block
    if decoder.getstate()[0]:
        raise _not_utf8("The last character is cut off")
    if carried:
        yield carried


class _LineLengths:
    """Refuses lines above about twice MAX_LINE_BYTES, without looking at every line: such a line leaves one of the
    windows that a block is cut into without an end of line. The parser knows the exact limit."""

    def __init__(self) -> None:
        self._open = 0  # bytes since the last end of line
        self._in_header = True

    def check(self, block: bytes, ends: Sequence[bytes]) -> None:
        """Look at a block; `ends` are the ends of lines that may be in it, for looking in vain is looking at it all."""
        first = min((at for end in ends if (at := block.find(end)) >= 0), default=len(block))
        windows = range(0, len(block) - MAX_LINE_BYTES, MAX_LINE_BYTES)
        if self._open + first > 2 * MAX_LINE_BYTES or any(
            all(block.find(end, at, at + MAX_LINE_BYTES) < 0 for end in ends) for at in windows
        ):
            if self._in_header and max(map(block[:first].count, _DELIMITERS)) > MAX_COLUMNS:
                raise too_many_columns()
            raise DatasetRefusedError(
                Reason.ROW_TOO_LONG,
                f"A line is longer than {MAX_LINE_BYTES // 1024} KB. Leave such texts out, or end every row with a "
                "line break.",
            )
        last = max(map(block.rfind, ends))
        self._open = len(block) - last - 1 if last >= 0 else self._open + len(block)
        self._in_header = self._in_header and last < 0


def _not_utf8(what: str) -> DatasetRefusedError:
    return DatasetRefusedError(
        Reason.NOT_UTF8, f"The text is not UTF-8. {what}. Export it as UTF-8 (in Excel: CSV UTF-8)."
    )


def _gunzip(blocks: Iterable[bytes]) -> Iterator[bytes]:
    member = zlib.decompressobj(wbits=31)
    consumed = produced = 0
    for block in blocks:
        consumed += len(block)
        data = block
        while data:
            if member.eof:  # a gzip file may hold several members, one after the other
                member = zlib.decompressobj(wbits=31)
            try:
                plain = member.decompress(data, BLOCK_BYTES)
            except zlib.error:
                raise _damaged_gzip("It is damaged, or followed by something else") from None
            data = member.unused_data if member.eof else member.unconsumed_tail
            produced += len(plain)
            if produced >= _RATIO_COUNTS_FROM and produced > _MAX_RATIO * (consumed - len(data)):
                raise DatasetRefusedError(
                    Reason.GZIP_BOMB,
                    f"The file grows to more than {_MAX_RATIO} times its size when decompressed, which tables do not. "
                    "Upload it uncompressed if it is one.",
                )
            if plain:
                yield plain
    if not member.eof:
        raise _damaged_gzip("It ends too early")


def _damaged_gzip(what: str) -> DatasetRefusedError:
    return DatasetRefusedError(
        Reason.GZIP_TRUNCATED, f"The file cannot be decompressed. {what}. Compress and upload it again."
    )
