"""The description of ``encoding`` carried out by TensorFlow, so that a SavedModel takes raw columns."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from headgate_training.encoding import (
    BEND,
    CYCLES,
    GRID_LIMIT,
    KNOWN,
    LIMIT,
    MISSING,
    OTHER,
    Encoding,
    GridScaled,
    Index,
    OneHot,
)
from headgate_training.rows import DATETIME
from headgate_training.text_tf import encode_words, find

_DAYS_OF_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def encode(encoding: Encoding, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Encode raw columns (float64 [rows] or string [rows], by name) to float32 [rows, width]."""
    numbers = [inputs[column.name] for column in encoding.numeric]
    cycles = []
    for column in encoding.datetime:
        days, circle = _moments(column.name, inputs[column.name])
        numbers.append(days)
        cycles.append(circle * column.moving)
    blocks = []
    if numbers:
        stacked = tf.stack(numbers, axis=1)
        missing = tf.math.is_nan(stacked)
        flagged = np.flatnonzero([column.missing for column in encoding.scaled])
        blocks = [_scale(encoding, stacked, missing), *cycles, tf.gather(missing, flagged, axis=1)]
    blocks += [_one_hot(column, inputs[column.name]) for column in encoding.onehot]
    blocks += [_number(column, inputs[column.name])[:, None] for column in encoding.index]
    blocks += [_scale_grid(grid, [inputs[name] for name in grid.columns]) for grid in encoding.grids]
    for text in encoding.words:
        blocks += encode_words(text, inputs[text.name])
    return tf.concat([tf.cast(block, tf.float32) for block in blocks], axis=1)


def _scale(encoding: Encoding, numbers: tf.Tensor, missing: tf.Tensor) -> tf.Tensor:
    center = np.array([column.center for column in encoding.scaled])
    spread = np.array([column.spread for column in encoding.scaled])
    skewed = np.array([column.asinh for column in encoding.scaled])
    scaled = tf.where(missing, tf.zeros_like(numbers), (numbers - center) / spread)
    scaled = tf.clip_by_value(scaled, -LIMIT, LIMIT)
    scaled = tf.where(skewed, tf.asinh(scaled), scaled)
    return scaled / tf.sqrt(1.0 + tf.square(scaled / BEND))


def _one_hot(column: OneHot, values: tf.Tensor) -> tf.Tensor:
    missing = tf.equal(values, "")[:, None]
    known = tf.equal(values[:, None], tf.constant(column.values, tf.string, shape=(1, len(column.values))))
    blocks = [known]
    if column.other:
        blocks.append(~(missing | tf.reduce_any(known, axis=1, keepdims=True)))
    if column.missing:
        blocks.append(missing)
    return tf.concat(blocks, axis=1)


def _number(column: Index, values: tf.Tensor) -> tf.Tensor:
    place = find(values, column.values)
    number = tf.where(place >= 0, place + KNOWN, tf.constant(OTHER, tf.int64))
    return tf.where(tf.equal(values, ""), tf.constant(MISSING, tf.int64), number)


def _scale_grid(grid: GridScaled, cells: list[tf.Tensor]) -> tf.Tensor:
    count = len(cells) // grid.shape[-1]
    scaled = (tf.stack(cells, axis=1) - np.array(grid.center * count)) / np.array(grid.spread * count)
    scaled = tf.where(tf.math.is_nan(scaled), tf.zeros_like(scaled), scaled)
    return tf.clip_by_value(scaled, -GRID_LIMIT, GRID_LIMIT)


def _moments(name: str, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Days since 1970 (float64 [rows], NaN if missing) and the cycles (float64 [rows, CYCLES], 0 if missing)."""
    missing = tf.equal(values, "")
    shaped = tf.strings.regex_full_match(values, DATETIME)
    full = tf.strings.regex_replace(values, "^(.{10})$", r"\1T00:00:00")
    full = tf.strings.regex_replace(full, "^(.{16})Z?$", r"\1:00")
    full = tf.where(shaped, full, "1970-01-01T00:00:00")
    year, month, day, hour, minute, second = (
        tf.strings.to_number(tf.strings.substr(full, start, length), tf.int64)
        for start, length in ((0, 4), (5, 2), (8, 2), (11, 2), (14, 2), (17, 2))
    )
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = tf.gather(tf.constant(_DAYS_OF_MONTH, tf.int64), tf.clip_by_value(month - 1, 0, 11))
    last += tf.cast(leap & tf.equal(month, 2), tf.int64)
    real = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= last)
    real &= (hour < 24) & (minute < 60) & (second < 60)
    message = f"not a datetime like 2026-01-31T08:30:00 (no time zone) in column: {name}"
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(missing | (shaped & real)), [message])]):
        date = _days(year, month, day)
    part = tf.cast(hour * 3600 + minute * 60 + second, tf.float64) / 86400.0
    turns = tf.stack([tf.cast(month - 1, tf.float64) / 12.0, tf.cast((date + 3) % 7, tf.float64) / 7.0, part], axis=1)
    circle = tf.concat([tf.sin(2 * np.pi * turns), tf.cos(2 * np.pi * turns)], axis=1)
    days = tf.where(missing, tf.constant(np.nan, tf.float64), tf.cast(date, tf.float64) + part)
    return days, tf.where(missing[:, None], tf.zeros([1, CYCLES], tf.float64), circle)


def _days(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """Days since 1970-01-01 of a Gregorian date, in integers.

    Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil: years begin in March,
    so that the leap day comes last, and are counted in eras of 400 years.
    """
    year -= tf.cast(month <= 2, tf.int64)
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146097 + day_of_era - 719468
