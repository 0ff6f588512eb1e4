"""Words of ``text`` and categories by number, carried out by TensorFlow, in operations that every server has."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from headgate_training.text import BAG_LENGTH, KNOWN, SINGLE, UNKNOWN, WORD, Words

BUCKETS = 2**63 - 1


def find(values: tf.Tensor, known: Sequence[str]) -> tf.Tensor:
    """The place of each value (string [n]) in ``known``, or -1: int64 [n].

    A search by fingerprint among the sorted fingerprints of what is known, and then a look at the string itself: a
    table in the graph would do the same, but would be state that has to be saved, loaded and initialised.
    """
    if not known:
        return tf.fill(tf.shape(values), tf.constant(-1, tf.int64))
    with tf.init_scope():
        prints = tf.strings.to_hash_bucket_fast(tf.constant(known), BUCKETS).numpy()
    order = np.argsort(prints, kind="stable")
    nearest = tf.searchsorted(tf.constant(prints[order]), tf.strings.to_hash_bucket_fast(values, BUCKETS))
    place = tf.gather(tf.constant(order), tf.minimum(nearest, len(known) - 1))
    return tf.where(tf.equal(tf.gather(tf.constant(known), place), values), place, tf.constant(-1, tf.int64))


def tokenise(values: tf.Tensor) -> tf.RaggedTensor:
    """Tokens of texts (string [rows]) by the rule of ``text``: ragged strings [rows, tokens]."""
    folded = tf.strings.lower(values)  # without an encoding: ASCII alone
    apart = tf.strings.regex_replace(folded, f"([{SINGLE}])", r" \1 ")
    return tf.strings.split(tf.strings.regex_replace(apart, f"[^{SINGLE}{WORD}]+", " "))


def encode_words(column: Words, values: tf.Tensor) -> list[tf.Tensor]:
    """The blocks of one text column, each [rows, places]."""
    tokens = tokenise(values)
    numbers = find(tokens.flat_values, column.words)
    blocks: list[tf.Tensor] = []
    if column.idf:
        blocks.append(_bag(column, tokens.value_rowids(), numbers, tokens.nrows()))
    if column.missing:
        blocks.append(tf.equal(tokens.row_lengths(), 0)[:, None])
    if column.length:
        told = tf.where(numbers >= 0, KNOWN + numbers, tf.constant(UNKNOWN, tf.int64))
        blocks.append(tokens.with_flat_values(told).to_tensor(shape=(None, column.length)))
    return blocks


def _bag(column: Words, rows: tf.Tensor, numbers: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    places = len(column.idf)
    kept = (numbers >= 0) & (numbers < places)
    at = tf.boolean_mask(rows * places + numbers, kept)
    flat = tf.math.unsorted_segment_sum(tf.ones_like(at, tf.float64), at, count * places)
    times = tf.reshape(flat, tf.stack([count, tf.constant(places, tf.int64)]))
    weights = tf.where(times > 0, 1.0 + tf.math.log(tf.maximum(times, 1.0)), times) * np.array(column.idf)
    length = tf.norm(weights, axis=1, keepdims=True)
    return BAG_LENGTH * weights / tf.where(length > 0, length, tf.ones_like(length))
