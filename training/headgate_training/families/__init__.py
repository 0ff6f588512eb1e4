"""Families of models. A family is one module here and the file of the same name that says what can be tuned.

A family's module has two functions:

``defaults(rows)``
    a value for each hyperparameter that may be left open, for so many training rows;
``build(width, outputs, settings, layout=NOTHING_KNOWN)``
    a keras.Model: encoded rows float32 [rows, width] in, raw scores [members, rows, outputs] out; a ValueError for data
    that the family is not made for.

and may have ``TEXT``, what it is to be told of free text: "bag" (unless it says otherwise), "tokens" or "both".

Either hidden units can be taken out of its networks (``pruning``): then ``build`` takes ``share``, of the hidden units
that could be taken out, and ``UNITS_ARE_SHARED`` says whether layers have those in common; or ``NOT_PRUNED`` is a
sentence that says why not.

What the scores mean, how they are trained and how they are answered is the same for all families (``heads``,
``fitting``). The file, ``<family>.json``, is for who tunes, in the container or out of it: what the family is for, and
the range of each hyperparameter worth searching.
"""

import importlib
import pkgutil
from collections.abc import Mapping

from headgate_training.text import Wanted

FAMILIES: Mapping[str, str] = {found.name: f"{__name__}.{found.name}" for found in pkgutil.iter_modules(__path__)}
"""The module of each family, by its name; adding the two files adds the family."""


def wanted_of_text(family: str) -> Wanted:
    """What a family is to be told of free text."""
    wanted: Wanted = getattr(importlib.import_module(FAMILIES[family]), "TEXT", "bag")
    return wanted
