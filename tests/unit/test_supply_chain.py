"""What is installed is what was locked: every package pinned with its hashes, and another one of its name refused."""

import gzip
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import pytest
from infra.descriptions import FOLDER, descriptions

from headgate.aws.sessions import own_session

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted([*ROOT.glob("*.lock"), *ROOT.glob("layers/*/*.lock")])
AWS = {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_package_of_a_lock_is_pinned_with_hashes(lock: Path) -> None:
    text = re.sub(r"\\\n\s*", " ", lock.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    assert len(lines) > 3
    assert [line for line in lines if not re.match(r"[\w.\[\]-]+==[^ ]+ ", line) or not HASH.search(line)] == []


def test_every_lock_is_installed_with_its_hashes() -> None:
    makefile = (ROOT / "Makefile").read_text()
    installing = [line for line in makefile.splitlines() if "pip sync" in line]
    assert len(installing) == len(list(ROOT.glob("*.lock")) + list(ROOT.glob("lint/*.lock")))
    assert all("--require-hashes" in line for line in installing)


def test_every_package_of_node_has_its_integrity() -> None:
    lock = json.loads((ROOT / "tests/prove/referee/package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert packages
    assert [name for name, each in packages.items() if not each["integrity"].startswith("sha512-")] == []
    assert "npm ci" in (ROOT / "Makefile").read_text()  # which installs the lock and nothing else


def wheel(folder: Path, content: str) -> str:
    """A package of the name that an index could be made to offer; its hash."""
    path = folder / "headgate_probe-1.0-py3-none-any.whl"
    about = {"METADATA": "Metadata-Version: 2.1\nName: headgate-probe\nVersion: 1.0\n", "RECORD": ""}
    about["WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("headgate_probe.py", content)
        for name, text in about.items():
            packed.writestr(f"headgate_probe-1.0.dist-info/{name}", text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("offered", ["as locked", "another one", "without a hash"])
def test_a_package_that_is_not_the_locked_one_is_refused(tmp_path: Path, offered: str) -> None:
    locked = wheel(tmp_path, "x = 1\n")
    if offered == "another one":
        assert wheel(tmp_path, "x = 2  # somebody else's\n") != locked
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("headgate-probe==1.0" + ("" if offered == "without a hash" else f" --hash=sha256:{locked}"))
    command = [
        str(Path(sys.executable).parent / "uv"),
        "pip",
        "install",
        "--no-index",
        "--no-cache",
        "--require-hashes",
    ]
    to = ["--find-links", str(tmp_path), "--target", str(tmp_path / "out"), "-r", str(wanted)]
    ended = subprocess.run([*command, *to], capture_output=True, text=True, check=False)
    assert (ended.returncode == 0) == (offered == "as locked"), ended.stderr
    assert (tmp_path / "out" / "headgate_probe.py").exists() == (offered == "as locked")


def test_what_functions_read_of_the_sdk_is_of_the_locked_one() -> None:
    told = descriptions()
    kept = {path: json.loads(gzip.decompress(path.read_bytes())) for path in FOLDER.rglob("*.json.gz")}
    assert kept == told, "run: .venv/bin/python -m infra.descriptions"
    assert all(len(json.dumps(each)) > 10_000 for each in kept.values())


def test_functions_read_the_description_of_what_they_call() -> None:
    code = """if True:
        from headgate.clients import shared
        client = shared("sagemaker", "_system")
        print(hasattr(client, "describe_endpoint"), hasattr(client, "create_notebook_instance"))
    """
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=AWS)
    assert answer.stdout == "True False\n"


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
def test_functions_find_services_where_the_sdk_does(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    own, whole = own_session.__wrapped__(), boto3.Session()
    for service in (
        "cloudwatch",
        "dynamodb",
        "kms",
        "s3",
        "sagemaker",
        "sagemaker-runtime",
        "sns",
        "stepfunctions",
        "sts",
    ):
        ours, theirs = (each.client(service, region_name=region).meta for each in (own, whole))
        assert (ours.endpoint_url, ours.partition) == (theirs.endpoint_url, theirs.partition)
