"""Work on a machine without a network, on what SageMaker brought there; what is written is taken back from there."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from headgate.domain.baseline import Baseline
from headgate.domain.errors import NotFoundError
from headgate.domain.machines import COPIES, MACHINE_BYTES
from headgate.domain.names import Part
from headgate.domain.observed import ANSWERS, SHARDS
from headgate.domain.spec import TrainingSpec
from headgate.services.examination import EXAMINATION, Known, judge_dataset
from headgate.tables.captures import read_captures
from headgate.tables.engine import Limits, opened
from headgate.tables.intake import BLOCK_BYTES
from headgate.tables.labelled import write_answers
from headgate.tables.observe import observe
from headgate.tables.split import PARTS


def observe_brought(root: Path, limits: Limits) -> str:
    """Count the captured requests under `input/files`, which are some of a window's; `input/request` says what the
    model takes and what they are compared with. What was seen and the answers lie under `output` then, by the name of
    this machine.

    Returns:
        How many rows there were.
    """
    asked = json.loads((root / "input" / "request" / "request.json").read_text(encoding="utf-8"))
    host = json.loads((root.parent / "config" / "resourceconfig.json").read_text(encoding="utf-8"))["current_host"]
    spec, baseline = TrainingSpec.model_validate(asked["spec"]), Baseline.parse(asked["baseline"])
    folder, output = root / "input" / "files", root / "output"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    output.mkdir(exist_ok=True)
    with opened(folder, limits) as engine:
        captured = read_captures(engine, files, spec.columns)
        seen = observe(engine, baseline, spec)
        write_answers(engine, folder / "answers")
    shutil.move(folder / "answers", output / f"{ANSWERS}{host}.parquet")
    document = json.dumps({"captured": asdict(captured), "observed": asdict(seen)}, ensure_ascii=False)
    (output / f"{SHARDS}{host}.json").write_text(document, encoding="utf-8")
    return f"{captured.rows} rows"


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
                yield from iter(lambda: file.read(BLOCK_BYTES), b"")
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
