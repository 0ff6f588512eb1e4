"""Work on a machine without a network, on what SageMaker brought there; what is written is taken back from there."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from headgate.domain.errors import NotFoundError
from headgate.domain.machines import COPIES, MACHINE_BYTES
from headgate.domain.names import Part
from headgate.services.examination import EXAMINATION, Known, judge_dataset
from headgate.tables.engine import Limits
from headgate.tables.split import PARTS

_BLOCK = 4 * 1024**2


def examine_brought(root: Path, limits: Limits, max_bytes: int = MACHINE_BYTES) -> str:
    """Examine the dataset under `root`: `input/request` says what is known of it, `input/parts` holds its parts.

    Its answer and its three parts lie under `output` then. The parts as they came are deleted as they are read.

    Returns:
        The verdict.
    """
    request = json.loads((root / "input" / "request" / "request.json").read_text(encoding="utf-8"))
    parts, place, brought = [Part(**part) for part in request["parts"]], request["place"], root / "input" / "parts"

    def blocks(part: Part) -> Iterator[bytes]:
        path = brought / part.key.removeprefix(place)
        try:
            with path.open("rb") as file:
                yield from iter(lambda: file.read(_BLOCK), b"")
        except FileNotFoundError:
            raise NotFoundError(f"{part.key} was not brought here.") from None
        path.unlink()

    room = shutil.disk_usage(brought).free + sum(part.size for part in parts)
    most = min(max_bytes, room // COPIES)
    output = root / "output"
    (output / EXAMINATION).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=brought) as own:  # on the disk of the data, and not among what is taken back
        known = Known.parse(request["known"])
        judgement = judge_dataset(known, parts, blocks, folder=Path(own), limits=limits, max_bytes=most)
        for name in PARTS if judgement.accepted else ():
            shutil.move(Path(own) / f"{name}.parquet", output)
    document = json.dumps(asdict(judgement), ensure_ascii=False)
    (output / EXAMINATION / "answer.json").write_text(document, encoding="utf-8")
    return str(judgement.answer["verdict"])
