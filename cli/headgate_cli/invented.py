"""Invented tables, and settings under which a model of them is weak or good: for rehearsals, tests and benchmarks."""

import io

WEAK = "training: {epochs: 3, hidden_units: 1, layers: 1, members: 1}\n"
GOOD = "training: {epochs: 15, members: 1}\n"
COLUMNS = 12


def table(rows: int, seed: int, shuffled: bool = False) -> bytes:
    """A CSV of a problem that more rows make easier: numbers `x0` to `x11` decide on the `label`, two of them together.
    Where it is shuffled, nothing does.
    """
    import numpy as np  # the rest of the command line starts without

    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, COLUMNS))
    score = features @ np.linspace(1, -1, COLUMNS) + 2 * features[:, 0] * features[:, 1]
    label = np.where(score + random.normal(scale=0.3, size=rows) > 0, "yes", "no")
    if shuffled:
        random.shuffle(label)
    text = io.StringIO()
    text.write(",".join([*(f"x{number}" for number in range(COLUMNS)), "label"]) + "\n")
    for values, name in zip(features, label, strict=True):
        text.write(",".join([*(f"{value:.6f}" for value in values), name]) + "\n")
    return text.getvalue().encode()
