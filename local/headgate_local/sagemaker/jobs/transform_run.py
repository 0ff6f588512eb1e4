"""One transform job from its place to its end."""

import contextvars
import gzip
import logging
import os
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from headgate_local.api.errors import ApiError, unsupported
from headgate_local.api.records import Record
from headgate_local.sagemaker.clients import Storage, TransferError, logs_client
from headgate_local.sagemaker.hosting.models import container_of, data_of, resolved
from headgate_local.sagemaker.hosting.server import InstanceGone, NotServable, Server
from headgate_local.sagemaker.jobs import failures
from headgate_local.sagemaker.jobs.failures import JobFailed
from headgate_local.sagemaker.jobs.runner import GLANCE, Job
from headgate_local.sagemaker.jobs.transform_records import DataError, Format, Payload
from headgate_local.sagemaker.jobs.usage import UsageMetrics
from headgate_local.sagemaker.logs import LogStream
from headgate_local.sagemaker.resources import LONGEST_REASON

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

logger = logging.getLogger("headgate.sagemaker")

LOG_GROUP = NAMESPACE = "/aws/sagemaker/TransformJobs"
SEE_LOG = "See job logs for more information"


def run(sagemaker: "SageMaker", name: str, job: Job) -> None:
    """Do the whole job, and see to its record."""
    try:
        members = _attempt(sagemaker, sagemaker.transform_jobs.get(name), job)
    except JobFailed as failure:
        members = {"TransformJobStatus": "Failed", "FailureReason": str(failure)[:LONGEST_REASON]}
    except Exception:
        logger.exception("Transform job %s failed for a reason of the local cloud's", name)
        members = {"TransformJobStatus": "Failed", "FailureReason": failures.INTERNAL}
    sagemaker.events.transform_job(sagemaker.transform_jobs.change(name, TransformEndTime=time.time(), **members))


def _attempt(sagemaker: "SageMaker", record: Record, job: Job) -> Record:
    if sagemaker.faults.take("aws:sagemaker:exhaust-capacity", record["TransformJobName"]):
        raise JobFailed(failures.NO_CAPACITY)
    failures.check_volume_key(record["TransformResources"].get("VolumeKmsKeyId"))
    key = record["TransformOutput"].get("KmsKeyId")
    failures.check_key(key, f"The output cannot be encrypted with {key}: ")
    with sagemaker.jobs.place(job) as got, sagemaker.jobs.private_root() as root:
        if got:
            _Transform(sagemaker, record, job, root).to_its_end()
    return {"TransformJobStatus": "Stopped" if job.stopped.is_set() else "Completed"}


class _Transform:
    """A job on its way."""

    def __init__(self, sagemaker: "SageMaker", record: Record, job: Job, root: Path) -> None:
        self._sagemaker, self._record, self._job, self._root = sagemaker, record, job, root
        self._name = record["TransformJobName"]
        self._model = sagemaker.models.get(record["ModelName"])
        self._role = self._model["ExecutionRoleArn"]
        self._storage = Storage(sagemaker.endpoint_url, self._role)
        self._format = Format.of(record)
        self._failed = False

    def to_its_end(self) -> None:
        """Transform every object, or as many as there are until the job is stopped; raises JobFailed."""
        try:
            objects = self._objects()
            folder = self._load_model()
        except TransferError as error:
            raise failures.of_transfer("Data download failed", error) from error
        except ApiError as error:
            raise JobFailed(f"ClientError: {error.message}") from error
        count = min(self._record["TransformResources"]["InstanceCount"], len(objects))
        self._sagemaker.transform_jobs.change(self._name, TransformStartTime=time.time())
        with ExitStack() as running:
            servers = [running.enter_context(self._serving(folder)) for _ in range(count)]
            pool = running.enter_context(ThreadPoolExecutor(count, thread_name_prefix="transform"))
            shares = [objects[number::count] for number in range(count)]
            self._attend(
                servers,
                [
                    pool.submit(contextvars.copy_context().run, self._transform_all, share, server)
                    for share, server in zip(shares, servers, strict=True)
                ],
            )

    def _attend(self, servers: list[Server], shares: list[Future[None]]) -> None:
        look = UsageMetrics(self._sagemaker, NAMESPACE, self._name)
        while wait(shares, GLANCE).not_done:
            look({f"i-{number}": server.pid for number, server in enumerate(servers, start=1)})
        for share in shares:
            share.result()

    def _objects(self) -> list[tuple[str, str]]:
        source = self._record["TransformInput"]["DataSource"]["S3DataSource"]
        if source["S3DataType"] == "ManifestFile":
            return self._storage.listed_in_manifest(source["S3Uri"])
        return self._storage.listed(source["S3Uri"])

    def _load_model(self) -> Path:
        folder = self._root / "model"
        folder.mkdir()
        data = data_of(resolved(self._sagemaker, container_of(self._model)))
        if not data.packed:
            raise unsupported("uncompressed model data in batch transform, as AWS does not either")
        data.fetch(self._storage, folder)
        return folder

    @contextmanager
    def _serving(self, folder: Path) -> Iterator[Server]:
        """The process that serves the model, as an endpoint's does."""
        client = logs_client(self._sagemaker.endpoint_url, self._role)

        def keep(output: IO[bytes]) -> None:
            LogStream(client, LOG_GROUP, f"{self._name}/{_instance()}", output)

        try:
            container = resolved(self._sagemaker, container_of(self._model))
            server = Server(folder, keep, environment=container.get("Environment", {}))
        except NotServable as error:
            raise JobFailed(f"AlgorithmError: The model does not answer /ping. {SEE_LOG}") from error
        try:
            yield server
        finally:
            server.close()

    def _transform_all(self, objects: list[tuple[str, str]], server: Server) -> None:
        """Transform objects one after the other; raises JobFailed at the first that cannot be."""
        for number, (uri, name) in enumerate(objects):
            if self._over:
                return
            try:
                self._transform(uri, name, self._root / f"{server.pid}-{number}", server)
            except BaseException:
                self._failed = True
                raise

    def _transform(self, uri: str, name: str, place: Path, server: Server) -> None:
        output = place.with_suffix(".out")
        try:
            self._storage.download(uri, place)
            content = place.read_bytes()
            if self._record["TransformInput"].get("CompressionType") == "Gzip":
                content = gzip.decompress(content)
            with output.open("wb") as file:
                for part in self._answers(content, uri, server):
                    file.write(part)
            if not self._over:
                wanted = self._record["TransformOutput"]
                target = f"{wanted['S3OutputPath'].rstrip('/')}/{name}.out"
                self._storage.upload(output, target, wanted.get("KmsKeyId") or None)
        except TransferError as error:
            raise failures.of_transfer("Data transfer failed", error) from error
        except (DataError, gzip.BadGzipFile) as error:
            self._tell(uri, f"ClientError: {error}")
            raise JobFailed(f"ClientError: {error}. {SEE_LOG}") from error
        finally:
            place.unlink(missing_ok=True)
            output.unlink(missing_ok=True)

    def _answers(self, content: bytes, uri: str, server: Server) -> Iterator[bytes]:
        """What goes into the output, in the order of the records; some requests are under way at once."""
        with ThreadPoolExecutor(self._record.get("MaxConcurrentTransforms") or 1) as pool:

            def answer(payload: Payload) -> bytes:
                return b"" if self._over else self._format.output(payload, self._ask(payload, uri, server))

            context = contextvars.copy_context()
            yield from pool.map(lambda payload: context.copy().run(answer, payload), self._format.payloads(content))

    def _ask(self, payload: Payload, uri: str, server: Server) -> bytes:
        headers = {"Content-Type": self._format.content_type or "application/octet-stream"}
        if self._format.accept:
            headers["Accept"] = self._format.accept
        try:
            answer = server.invoke(payload.body, headers)
        except (InstanceGone, TimeoutError) as error:
            self._tell(uri, "AlgorithmError: Unable to get a response from the algorithm")
            raise JobFailed(f"AlgorithmError: {SEE_LOG}") from error
        if answer.status < 400:
            return answer.body
        side = "ClientError" if answer.status < 500 else "AlgorithmError"
        self._tell(uri, f"{side}: {answer.status}", "Message:", answer.body.decode("utf-8", "replace"))
        raise JobFailed(f"{side}: {SEE_LOG}")

    @property
    def _over(self) -> bool:
        return self._failed or self._job.stopped.is_set()

    def _tell(self, uri: str, *lines: str) -> None:
        """Write what went wrong with an object into the job's data log, as AWS does."""
        client, stream = logs_client(self._sagemaker.endpoint_url, self._role), f"{self._name}/{_instance()}/data-log"
        reader, writer = os.pipe()
        log = LogStream(client, LOG_GROUP, stream, os.fdopen(reader, "rb", buffering=0))
        with os.fdopen(writer, "w") as text:
            text.writelines(f"{uri.removeprefix('s3://')}: {line}\n" for line in lines)
        log.finish()


def _instance() -> str:
    return f"i-{uuid.uuid4().hex[:17]}"
