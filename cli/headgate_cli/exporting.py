"""`headgate export`: a version as a directory that runs without Headgate.

The command line knows no training code. What encodes and answers is taken from the artifact bucket under the code
identity that the version was registered with, and so is the right one.
"""

import ast
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.aws.s3 import Objects, place_of
from headgate.domain.errors import NotFoundError
from headgate.domain.formats import engine_of
from headgate.domain.names import SYSTEM, Project
from headgate_cli import places, portable
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError, UsageError
from headgate_cli.registry import describe_version

FORMATS = ("saved_model", "litert", "onnx")
PACKAGE = "headgate_training"
COMMON = frozenset({"README.md", "signature.json", "request.json", "expected.json"})
"""What every export holds; by it an earlier one is known."""
MEMBERS = COMMON | {"model", "Dockerfile", "kserve.yaml", "predict.py", "requirements.txt", PACKAGE}
"""All that an export of any format may hold."""
NEEDS = {"litert": "ai-edge-litert\nnumpy\n", "onnx": "numpy\nonnxruntime\n"}
ROOTS = {"litert": ("litert",), "onnx": ("answers", "encoding", "spec", "table")}
"""Modules of the training code that predict.py of a format imports."""
CONVERSION = 300.0
"""Seconds that a conversion to ONNX may take."""
TOLERANCE = 1e-3
"""How far an answer may lie from the expected one, relative to the larger of 1 and its size; a format that the gate
chose may be less exact than the SavedModel which gave the expected answers."""


@dataclass(frozen=True)
class Version:
    """A registered version: its archive and the code that it was trained by."""

    number: str
    archive: bytes
    code: bytes
    engine: str


def fetch_version(cloud: Cloud, project: Project, number: str) -> Version:
    """A version of a project with its archive.

    Raises:
        UsageError: when there is none of that number.
    """
    package = describe_version(cloud, project, number)
    properties = package.get("CustomerMetadataProperties", {})
    bucket, key = place_of(package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])
    code = f"{SYSTEM}/code/{properties.get('code', '')}/sourcedir.tar.gz"
    return Version(
        number,
        _get(cloud, bucket, key),
        _get(cloud, cloud.artifact_bucket, code),
        engine_of(properties.get("format", "float32")),
    )


def check(format_name: str, to: Path, force: bool) -> Path:
    """See whether the directory may be made, before anything is fetched; return it as an absolute path.

    Raises:
        UsageError: when the format is unknown, or what is at ``to`` must stay: all of it without ``force``, and with it
            what is neither empty nor an earlier export.
    """
    if format_name not in FORMATS:
        raise UsageError(f"There is no format {format_name}; choose one of: {', '.join(FORMATS)}.")
    return places.directory(to, MEMBERS, COMMON, force=force)


def export(version: Version, format_name: str, to: Path, force: bool) -> list[str]:
    """Write the directory, once its answers were checked; return the names of its files.

    Raises:
        UsageError: as `check` does.
        CommandError: when the version does not come in this format; it says why.
    """
    place = check(format_name, to, force)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-") as scratch:
        made, source = Path(scratch) / "made", Path(scratch) / "source"
        _unpack(version.archive, source)
        made.mkdir()
        _assemble(version, format_name, source, made)
        places.put(made, place, Path(scratch) / "before")
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())


def _assemble(version: Version, format_name: str, source: Path, made: Path) -> None:
    extra = source / "1" / "assets.extra"
    spec = json.loads((extra / "spec.json").read_text(encoding="utf-8"))
    example = json.loads((extra / "golden.json").read_text(encoding="utf-8"))["golden"][:3]
    precise = "unit" in json.loads((extra / "encoding.json").read_text(encoding="utf-8"))
    _write(made / "signature.json", signature_of(spec, "float64" if precise else "float32"))
    _write(made / "request.json", {"instances": [each["request"] for each in example]})
    _write(made / "expected.json", {"predictions": [each["answer"] for each in example]})
    (made / "README.md").write_text(portable.readme(format_name, version.number), encoding="utf-8")
    if format_name == "saved_model":
        shutil.copytree(source / "1", made / "model" / "1", ignore=shutil.ignore_patterns("assets.extra"))
        (made / "Dockerfile").write_text(portable.DOCKERFILE, encoding="utf-8")
        (made / "kserve.yaml").write_text(portable.KSERVE, encoding="utf-8")
        return
    model = made / "model" / "assets.extra"
    model.mkdir(parents=True)
    for name in ("spec.json", "encoding.json"):
        shutil.copyfile(extra / name, model / name)
    _copy_code(version.code, ROOTS[format_name], made)
    (made / "predict.py").write_text(portable.PREDICT[format_name], encoding="utf-8")
    (made / "requirements.txt").write_text(NEEDS[format_name], encoding="utf-8")
    if format_name == "litert":
        own = "model.litert" if version.engine == "float32" else f"model.{version.engine}.litert"
        shutil.copyfile(extra / own, model / "model.litert")
    else:
        _convert(extra / "model.litert", made / "model" / "model.onnx")
    _check(made, exact=format_name == "onnx" or version.engine == "float32")


def signature_of(spec: Mapping[str, Any], numbers: str) -> dict[str, Any]:
    """Names and types of what goes in and comes out; ``numbers`` is the type of a regression's answers."""
    inputs = [
        {"name": column["name"], "type": "float64" if column["kind"] == "numeric" else "string", "kind": column["kind"]}
        for column in spec["columns"]
    ]
    outputs: list[dict[str, Any]] = [{"name": name, "type": numbers} for name in ("value", "low", "high")]
    if spec["task"] != "regression":
        classes = spec["classes"]
        outputs = [
            {"name": "label", "type": "string"},
            {"name": "probabilities", "type": "float32", "shape": [len(classes)], "classes": classes},
        ]
    return {"inputs": inputs, "outputs": outputs}


def _convert(network: Path, onnx: Path) -> None:
    """The network behind the encoding as ONNX; raises CommandError naming what forbids it."""
    command = [sys.executable, "-m", "tf2onnx.convert", "--tflite", network, "--output", onnx, "--opset", "17"]
    ran = _run([*map(str, command)], onnx.parent)
    if ran.returncode or not onnx.is_file():
        if "No module named" in ran.stderr:
            raise CommandError("ONNX needs tf2onnx, tensorflow and onnxruntime: pip install them beside headgate.")
        said = (ran.stderr.strip().splitlines() or ["tf2onnx gave no reason"])[-1]
        raise CommandError(f"The version does not come in ONNX: {said}")


def _check(made: Path, exact: bool) -> None:
    """Run what is handed over on its own example, in a process that knows no Headgate."""
    ran = _run([sys.executable, "-I", "-B", str(made / "predict.py"), str(made / "request.json")], made)
    if ran.returncode:
        said = (ran.stderr.strip().splitlines() or ["predict.py gave no reason"])[-1]
        raise CommandError(f"The export does not run here: {said}")
    given = json.loads(ran.stdout)["predictions"]
    expected = json.loads((made / "expected.json").read_text(encoding="utf-8"))["predictions"]
    if not exact:  # the gate took a smaller engine with its own answers
        _write(made / "expected.json", {"predictions": given})
    elif not all(_agree(*pair) for pair in zip(given, expected, strict=True)):
        raise CommandError("The export answers otherwise than the version did when it was trained.")


def _agree(given: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    def close(mine: float, theirs: float) -> bool:
        return abs(mine - theirs) <= TOLERANCE * max(1.0, abs(theirs))

    numbers = given.keys() - {"label"}
    return given.keys() == expected.keys() and all(
        all(map(close, given[name], expected[name]))
        if isinstance(expected[name], list)
        else close(given[name], expected[name])
        for name in numbers
    )


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - this Python, on files that were just written
            command, cwd=folder, capture_output=True, text=True, timeout=CONVERSION, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"It took longer than {CONVERSION:.0f} seconds and was given up.") from error


def _copy_code(archive: bytes, roots: tuple[str, ...], made: Path) -> None:
    """The modules that ``roots`` import, and no other."""
    sources: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            folder, _, name = member.name.rpartition("/")
            file = tar.extractfile(member)
            if folder == PACKAGE and name.endswith(".py") and file is not None:
                sources[name.removesuffix(".py")] = file.read()
    wanted, todo = {"__init__"}, list(roots)
    while todo:
        name = todo.pop()
        if name in wanted or name not in sources:
            continue
        wanted.add(name)
        for node in ast.walk(ast.parse(sources[name])):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
                todo += [node.module.partition(".")[2]] if "." in node.module else [each.name for each in node.names]
    (made / PACKAGE).mkdir()
    for name in wanted & sources.keys():
        (made / PACKAGE / f"{name}.py").write_bytes(sources[name])


def _unpack(archive: bytes, folder: Path) -> None:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise CommandError(f"The version's archive cannot be unpacked: {error}") from error


def _get(cloud: Cloud, bucket: str, key: str) -> bytes:
    try:
        return Objects(cloud.client("s3")).get_bytes(bucket, key)
    except NotFoundError as error:
        raise CommandError(f"s3://{bucket}/{key} is gone; without it the version cannot be exported.") from error


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
