"""What a process of the local cloud leaves behind when it is killed: folders that carry its number in their names."""

import os
import re
import shutil
from pathlib import Path

from headgate_local.proc import lives


def sweep(parent: Path, prefix: str = "") -> None:
    """Take away the folders `<prefix><number>` and `<prefix><number>-<anything>` whose process has ended.

    So does one of this process's number: an earlier process left it. Call it before making a folder of one's own.
    """
    named = re.compile(re.escape(prefix) + r"(\d+)(-\w+)?")
    for left in parent.iterdir():
        if (found := named.fullmatch(left.name)) and ((pid := int(found[1])) == os.getpid() or not lives(pid)):
            shutil.rmtree(left, ignore_errors=True)  # it may be another person's
