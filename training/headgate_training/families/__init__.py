"""Families of models. A family is one module here and one line in FAMILIES.

A family's module has ``build(width, outputs, settings) -> keras.Model``: encoded rows float32 [rows, width] in,
raw scores [members, rows, outputs] out. What the scores mean, how they are trained and how they are answered is
the same for all families (``heads``, ``fitting``).
"""

from collections.abc import Mapping

FAMILIES: Mapping[str, str] = {"dnn": "headgate_training.families.dnn"}
