"""Prediction: how long a request with one row takes, through boto3 and at the model's own server, beside its peers.

    python -m benchmarks.prediction [--json] [--rounds 20]

The models are trained by the local cloud from two of the examples. `direct` speaks to the program that every instance
of an endpoint runs, with the archive that was promoted; `boto3` goes through the local cloud to an instance, and so
does `signed`, with one signed request that is sent again and again: what lies between the two is the client's own work.
Two peers stand behind the same HTTP server class: `echo` gives back a ready answer, and `keras` asks `model.predict` of
an equal network where `direct` asks LiteRT. In the end many clients ask at once, beside one uvicorn worker.

All take turns, so that a busy machine slows all, and each has a process of its own, started anew three times. Where the
system allows it the client has one core and the servers have another: left alone, the scheduler puts some pairs on one
core and others on two, and what waking the other core costs would drown what is compared.
"""

import argparse
import importlib
import io
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import orjson

from benchmarks.cloud import ended, local_cloud
from benchmarks.throughput import serve_uvicorn, throughput
from benchmarks.wire import CONTENT_TYPE, KeptAlive, plain, signed
from headgate.domain.names import Project
from headgate_local.card import Card
from headgate_local.serving import Server, respond

EXAMPLES = {
    "healthcare": "healthcare_wdbc.csv",  # 30 numbers
    "finance": "finance_german_credit.csv",  # 7 numbers, 13 texts
}
ROOT = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 180.0
TURN = {"echo": 50, "direct": 50, "signed": 10, "boto3": 10, "keras": 5}
"""Requests of each contestant in one round."""
STARTS = 3
GOAL_DIRECT = 2.0
GOAL_ADDED = 5000.0
"""Microseconds that InvokeEndpoint may add to the same request straight to the instance."""
THROUGHPUT_TURNS = 3
Ask = Callable[[], bytes]


def promote(cloud: Card, project: Project, file: Path, folder: Path) -> None:
    """Drop an example, wait until its model is in service, and unpack that model's archive."""
    known = ended(cloud, project, file.name, file.read_bytes(), PATIENCE_SECONDS)
    run = known.run
    if known.state != "PROMOTED":
        raise RuntimeError(f"{run} ended {known.state}: {known.reason}")
    archive = f"{project.prefix}runs/{run}/training/{run}/output/model.tar.gz"
    packed = cloud.client("s3").get_object(Bucket=cloud.artifact_bucket, Key=archive)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(folder, filter="data")


@contextmanager
def apart() -> Iterator[Callable[[int], None]]:
    """Gives a function that moves this process, and what it starts then, to the first core (0) or to the last (-1).

    It does nothing where the system cannot do it; in the end all is as before.
    """
    if sys.platform != "linux":
        yield lambda _which: None
        return
    before = sorted(os.sched_getaffinity(0))
    try:
        yield lambda which: os.sched_setaffinity(0, {before[which]})
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def instance(folder: Path) -> Iterator[int]:
    """The port of the program that an endpoint's instance runs; it ends when its stdin does."""
    command = [sys.executable, "-m", "headgate_local.serving", str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["port"]
        process.stdin.close()


@contextmanager
def peer(serve: Callable[..., None], *arguments: object) -> Iterator[int]:
    """The port of a peer in a fresh process of its own."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()  # so that a peer that cannot start ends the wait below
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def serve_echo(port: Connection, answer: bytes) -> None:
    """Give back the same bytes, whatever was asked."""
    server = Server(lambda _content_type, _body: (200, answer))
    port.send(server.server_port)
    server.serve_forever()


def serve_keras(port: Connection, folder: Path) -> None:
    """Answer by `model.predict`."""
    model = KerasModel(folder)
    server = Server(lambda content_type, body: respond(model, content_type, body))  # type: ignore[arg-type]
    port.send(server.server_port)
    server.serve_forever()


class KerasModel:
    """What `headgate_local.serving.Model` is, with an equal Keras network (untrained, which costs the same time)."""

    def __init__(self, folder: Path) -> None:
        import keras

        from headgate_training.encoding import Encoder, load_encoding
        from headgate_training.families import FAMILIES
        from headgate_training.settings import Settings
        from headgate_training.spec import read_spec
        from headgate_training.table import RowReader

        extra = folder / "1" / "assets.extra"
        self.spec = read_spec(extra / "spec.json")
        self._reader = RowReader(self.spec.columns)
        self._encoder = Encoder(load_encoding(extra / "encoding.json"), self.spec)
        settings = Settings().chosen_for(500, self.spec.seed)
        family = importlib.import_module(FAMILIES[settings.family])
        network = family.build(self._encoder.width, len(self.spec.classes), settings)
        probabilities = keras.ops.mean(keras.ops.softmax(network.output), axis=0)
        self._network = keras.Model(network.input, probabilities)

    def answer(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Read and encode as we do, then predict as the tutorials do."""
        from headgate_training.answers import answers

        return answers(self._network.predict(self._encoder.encode(self._reader.read(rows)), verbose=0), self.spec)


def contest(contestants: dict[str, Ask], rounds: int) -> dict[str, list[float]]:
    """Let all take turns; the microseconds of every request, but for those of the first round, which warms up."""
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, ask in contestants.items():
            for _ in range(TURN[name]):
                start = time.perf_counter_ns()
                ask()
                if number:
                    taken[name].append((time.perf_counter_ns() - start) / 1000)
    return taken


def measure_example(cloud: Card, name: str, folder: Path, rounds: int) -> dict[str, Any]:
    """All contestants on one example: median and 99th percentile of each, in microseconds, and the ratios."""
    project = Project("bench", name)
    promote(cloud, project, ROOT / "examples" / EXAMPLES[name], folder)
    golden = json.loads((folder / "1" / "assets.extra" / "golden.json").read_text())["golden"][0]
    body = orjson.dumps({"instances": [golden["request"]]})
    runtime = cloud.client("sagemaker-runtime")

    def invoke() -> bytes:
        asked = runtime.invoke_endpoint(EndpointName=project.endpoint, ContentType=CONTENT_TYPE, Body=body)
        return bytes(asked["Body"].read())

    answer = invoke()
    taken: dict[str, list[float]] = {contestant: [] for contestant in TURN}
    for _ in range(STARTS):
        with apart() as move, ExitStack() as processes:
            move(-1)
            servers = {
                "echo": peer(serve_echo, answer),
                "direct": instance(folder),
                "keras": peer(serve_keras, folder),
            }
            contestants: dict[str, Ask] = {
                contestant: KeptAlive(processes.enter_context(server), plain(body))
                for contestant, server in servers.items()
            }
            move(0)
            if contestants["direct"]() != answer:
                raise RuntimeError("The endpoint and the program that its instance runs do not answer alike.")
            contestants["signed"] = KeptAlive(_port(cloud), signed(cloud, project.endpoint, body))
            for contestant, times in contest({**contestants, "boto3": invoke}, rounds).items():
                taken[contestant] += times
    measured = {
        contestant: {"p50": statistics.median(times), "p99": statistics.quantiles(times, n=100)[-1]}
        for contestant, times in taken.items()
    }
    with peer(serve_uvicorn, folder) as uvicorn, instance(folder) as direct:
        rates = throughput(
            {
                "invoke endpoint": (_port(cloud), signed(cloud, project.endpoint, body)),
                "instance": (direct, plain(body)),
                "uvicorn": (uvicorn, plain(body)),
            },
            THROUGHPUT_TURNS,
        )
    ratios = {
        "signed adds": measured["signed"]["p50"] - measured["direct"]["p50"],
        "boto3 adds": measured["boto3"]["p50"] - measured["direct"]["p50"],
        "direct to echo": measured["direct"]["p50"] / measured["echo"]["p50"],
        "keras to direct": measured["keras"]["p50"] / measured["direct"]["p50"],
    }
    sizes = {"request": len(body), "answer": len(answer)}
    return {"bytes": sizes, **measured, **ratios, "requests a second": rates}


def _port(cloud: Card) -> int:
    return int(cloud.endpoint_url.rpartition(":")[2])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with local_cloud() as cloud, tempfile.TemporaryDirectory() as folder:
        measured = {name: measure_example(cloud, name, Path(folder) / name, options.rounds) for name in EXAMPLES}
    if options.json:
        print(json.dumps(measured))
        return
    print(f"{'example':12}{'contestant':12}{'p50, us':>10}{'p99, us':>10}")
    for name, values in measured.items():
        for contestant in TURN:
            times = values[contestant]
            print(f"{name:12}{contestant:12}{times['p50']:10.0f}{times['p99']:10.0f}")
        print(f"{name:12}direct is {values['direct to echo']:.2f} times echo (goal: at most {GOAL_DIRECT:.0f})")
        print(f"{name:12}keras is {values['keras to direct']:.0f} times direct")
        added = ", ".join(f"{values[f'{way} adds']:.0f} us ({way})" for way in ("signed", "boto3"))
        print(f"{name:12}InvokeEndpoint adds {added} to direct (goal: at most {GOAL_ADDED:.0f})")
        rates = ", ".join(f"{who} {rate:.0f}" for who, rate in values["requests a second"].items())
        print(f"{name:12}requests a second with 8 clients: {rates}")


if __name__ == "__main__":
    main()
