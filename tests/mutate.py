"""Mutation tests of the gate, the rollout and their statistics: does a test fail when the rule is changed?

python -m tests.mutate [NAME]: makes a copy under build/mutate in which mutmut finds every module where it is imported
from, changes it there, one place after the other, and fails when less than 90 % of the changes are noticed. What is
changed, and by which tests it is noticed, stands in pyproject.toml. NAMEs leave the others out:
`headgate.domain.verdict.*`.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / "build" / "mutate"
PACKAGES = ("layers/core/headgate", "training/headgate_training")
LEAST = 0.9
FORGETS = """import functools, gc, pytest
@pytest.fixture(autouse=True, scope="session")
def nothing_is_remembered():
    for each in gc.get_objects():
        if isinstance(each, functools._lru_cache_wrapper):
            each.cache_clear()
"""
"""A conftest: every change is tried in a fork of a process in which the tests have run, and caches hold what the rule
said before it was changed."""
NOTICED = ("killed", "timeout", "segfault", "suspicious", "caught_by_type_check")


def lay_out() -> None:
    """A fresh copy: packages and tests side by side, since mutmut imports from one place only."""
    shutil.rmtree(COPY, ignore_errors=True)
    leave = shutil.ignore_patterns("__pycache__")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, COPY / Path(package).name, ignore=leave)
    for kind in ("domain", "training"):
        shutil.copytree(ROOT / "tests" / "unit" / kind, COPY / "tests" / "unit" / kind, ignore=leave)
    (COPY / "tests" / "unit" / "conftest.py").write_text(FORGETS)
    shutil.copy(ROOT / "pyproject.toml", COPY)


def main() -> int:
    """Run, report what was not noticed, judge."""
    lay_out()
    # One thread for each process: there are as many processes as cores. In CI hypothesis has no deadline, and tries the
    # same on every change.
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    surroundings = {**os.environ, **threads, "PYTHONPATH": ".", "CI": "true"}
    mutmut = [sys.executable, "-m", "mutmut"]
    ran = subprocess.run(
        [*mutmut, "run", "--max-children", str(os.cpu_count() or 1), *sys.argv[1:]],
        cwd=COPY,
        env=surroundings,
        check=False,
    )
    results = subprocess.run(
        [*mutmut, "results", "--all", "true"], cwd=COPY, env=surroundings, capture_output=True, text=True, check=True
    )
    ends = [line.strip().rsplit(": ", 1) for line in results.stdout.splitlines() if ": " in line]
    judged = [(name, end.replace(" ", "_")) for name, end in ends if end not in ("not checked", "skipped")]
    tell = sys.stdout.write
    unnoticed = [name for name, end in judged if end not in NOTICED]
    if not judged or ran.returncode:
        sys.stderr.write("Nothing was mutated: mutmut did not run to its end.\n")
        return 1
    score = 1 - len(unnoticed) / len(judged)
    tell("".join(f"not noticed: {name}\n" for name in unnoticed))
    tell(json.dumps({"mutants": len(judged), "noticed": len(judged) - len(unnoticed), "score": round(score, 4)}) + "\n")
    return 0 if score >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
