"""Every benchmark, one after the other, each beside its peers in the same run.

python -m benchmarks [NAME ...]
"""

import subprocess
import sys

NAMES = (
    "cold_start",
    "validation",
    "quality",
    "kinds",
    "compression",
    "time_to_quality",
    "tuning",
    "poison",
    "power",
    "search",
    "search_gain",
    "prediction",
    "deployment",
    "promotion",
    "alarms",
    "verdict",
    "drift",
    "storm",
    "road",
    "burst",
    "scale",
    "training_memory",
    "idle",
)


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; 0 when all of them ran."""
    if unknown := [name for name in names if name not in NAMES]:
        print(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    ends = []
    for name in names or NAMES:
        print(f"\n=== {name}", flush=True)
        ends.append(subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode)
    return int(any(ends))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
