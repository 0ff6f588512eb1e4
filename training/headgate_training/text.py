"""Free text as numbers: how it is cut into tokens, which words are known, and what a row says of them.

The rule for tokens, the same in both engines:

1. A-Z become a-z; no other character changes.
2. A character of SINGLE (CJK ideographs and kana, which are written without spaces, and emoji) is a token.
3. An unbroken run of characters of WORD (digits, a-z, letters beyond ASCII) is a token.
4. Everything else separates: spaces, control characters, punctuation of any script.

So text of separators alone is as good as missing. Known words come from the training part, by the number of rows that
hold them. A row then says, as its family wants it, one or both of

*bag*
    for each of the commonest words ``(1 + log(times)) * idf``, the row scaled to the length BAG_LENGTH; and
    1 in a place of its own where there is no token at all, if training saw such a row;
*tokens*
    the numbers of the first tokens in their order: 0 is none, 1 a word not known, 2 the commonest word, and so on.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

SINGLE = "\u2600-\u27bf\u3040-\u30ff\u3400-\u9fff\U0001f000-\U0001faff"
WORD = (
    "0-9a-z\u00c0-\u1fff\u2c00-\u2dff\ua000-\ud7ff\uf900-\ufdff\uff10-\uffdc\U00010000-\U0001efff\U00020000-\U0010ffff"
)
"""Character classes, as ranges that Python's ``re`` and RE2 read alike."""
SEEN = 3
"""A word of fewer training rows than this is not known."""
LONGEST = 40
"""A longer token is no word, but an address, a key or noise."""
BAG = 1024
"""Words of the bag, at most."""
BAG_CELLS = 2**26
"""Rows times words of the bag, at most: a quarter of a gigabyte of memory."""
BAG_LENGTH = 4.0
"""Euclidean length of a row's bag: its numbers are then about as large as others are, whatever its tokens."""
WORDS = 4096
"""Words that tokens may be numbers of, at most."""
TOKENS = 128
"""Tokens of a row, at most; the rest of a long text is for the bag alone."""
COVERED = 0.95
"""Share of the training rows whose tokens are kept whole, within TOKENS."""
NONE, UNKNOWN, KNOWN = 0, 1, 2
"""Numbers of tokens; known words start at KNOWN."""

Wanted = Literal["bag", "tokens", "both"]
"""What a family is told of text."""

_TOKEN = re.compile(f"[{SINGLE}]|[{WORD}]+")
_FOLD = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


@dataclass(frozen=True)
class Words:
    """How a text column is encoded: known words, commonest first; the first ``len(idf)`` of them are in the bag."""

    name: str
    words: tuple[str, ...]
    idf: tuple[float, ...]
    bag: bool
    missing: bool
    length: int
    """Tokens that a row has room for; 0 without tokens."""

    @property
    def bag_width(self) -> int:
        """Places of the bag in an encoded row, the flag for no text among them."""
        return len(self.idf) + self.missing

    @property
    def width(self) -> int:
        """Places of the column in an encoded row."""
        return self.bag_width + self.length


def tokenise(text: str) -> list[str]:
    """The tokens of a text, by the rule above."""
    return _TOKEN.findall(text.lower() if text.isascii() else text.translate(_FOLD))


def fit_words(name: str, values: Sequence[str], wanted: Wanted) -> Words:
    """Learn from the training part which words there are."""
    counts: Counter[str] = Counter()
    lengths: list[int] = []
    for value in values:  # one at a time: the tokens of all rows are many times their text
        tokens = tokenise(value)
        counts.update(set(tokens))
        if tokens:
            lengths.append(len(tokens))
    common = [word for word, count in counts.items() if count >= SEEN and len(word) <= LONGEST]
    common.sort(key=lambda word: (-counts[word], word))
    bag = 0 if wanted == "tokens" else min(BAG, max(64, BAG_CELLS // max(1, len(values))))
    length = 0
    if wanted != "bag":
        length = min(TOKENS, max(1, int(np.quantile(lengths, COVERED)))) if lengths else 1
    kept = common[: max(bag, WORDS if length else 0)]
    idf = tuple(math.log((1 + len(values)) / (1 + counts[word])) + 1 for word in kept[:bag])
    return Words(name, tuple(kept), idf, bag > 0, len(lengths) < len(values), length)


class WordEncoder:
    """Carries out the encoding of one text column."""

    def __init__(self, column: Words) -> None:
        self._column = column
        self._numbers = {word: number for number, word in enumerate(column.words)}

    def encode(self, values: Sequence[str], encoded: np.ndarray) -> None:
        """Fill ``encoded``, zeros [rows, width of the column]."""
        column, bag = self._column, len(self._column.idf)
        for row, value in enumerate(values):
            tokens = tokenise(value)
            if column.missing and not tokens:
                encoded[row, bag] = 1.0
            numbers = [self._numbers.get(token, -1) for token in tokens]
            self._weigh(Counter(number for number in numbers if 0 <= number < bag), encoded[row])
            for place, number in enumerate(numbers[: column.length], start=column.bag_width):
                encoded[row, place] = KNOWN + number if number >= 0 else UNKNOWN

    def _weigh(self, times: Counter[int], encoded: np.ndarray) -> None:
        weights = {number: (1.0 + math.log(count)) * self._column.idf[number] for number, count in times.items()}
        scale = BAG_LENGTH / (math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0)
        for number, weight in weights.items():
            encoded[number] = weight * scale
