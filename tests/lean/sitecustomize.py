"""On the path of every process that tests start: there, scikit-learn and pandas count as not installed.

Keras imports both with TensorFlow, in case somebody hands it a data frame: 1.3 of the 3.7 processor seconds that
TensorFlow takes to begin, dozens of times. Headgate uses neither; benchmarks do, and tests themselves.
"""

import sys

LEFT_OUT = {"pandas", "sklearn"}


class NotInstalled:
    """The first that is asked for a module."""

    def find_spec(self, name: str, *_: object) -> None:
        """Leave what is not left out to the others. Raises ModuleNotFoundError for the rest."""
        if name in LEFT_OUT:
            raise ModuleNotFoundError(f"{name} is left out in processes that tests start", name=name)


sys.meta_path.insert(0, NotInstalled())  # type: ignore[arg-type]
