"""The hosts of one attempt of a training job: what they find, what they run, and what becomes of what they leave."""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from headgate_local.api.records import Record
from headgate_local.sagemaker.clients import Storage, TransferError, pack, unpack
from headgate_local.sagemaker.jobs import container, entry_points, failures, warm_pools
from headgate_local.sagemaker.jobs.channels import deliver, source
from headgate_local.sagemaker.jobs.failures import JobFailed
from headgate_local.sagemaker.jobs.metrics import NAMESPACE, Collector
from headgate_local.sagemaker.jobs.mirror import FileState, Mirror, file_states
from headgate_local.sagemaker.jobs.runner import Cluster, Host, Outcome
from headgate_local.sagemaker.jobs.script import Script
from headgate_local.sagemaker.jobs.usage import UsageMetrics
from headgate_local.sagemaker.resources import LONGEST_REASON

if TYPE_CHECKING:
    from headgate_local.sagemaker.service import SageMaker

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
FOLDERS = {"CheckpointConfig": "/opt/ml/checkpoints", "TensorBoardOutputConfig": "/opt/ml/output/tensorboard"}
"""Folders that go to S3 while the job runs, where they lie if the request does not say otherwise."""


class TrainingHosts:
    """All hosts of one attempt. Every method may raise JobFailed."""

    def __init__(self, sagemaker: "SageMaker", record: Record, root: Path, pool: warm_pools.Pool | None) -> None:
        self._sagemaker, self._record, self._root, self._pool = sagemaker, record, root, pool
        self._storage = Storage(sagemaker.endpoint_url, record["RoleArn"])
        every = container.Hosts.of(record["ResourceConfig"]["InstanceCount"])
        self._files = [container.TrainingFiles(root / hosts.current, hosts) for hosts in every]
        self._brought: set[FileState] = set()
        self._hyperparameters = container.decoded_hyperparameters(record.get("HyperParameters", {}))

    def download(self) -> None:
        """Bring the program, the channels and the checkpoints to the hosts."""
        try:
            for channel in self._record.get("InputDataConfig", []):
                folders = [files.data / channel["ChannelName"] for files in self._files]
                deliver(self._storage, source(channel), folders, channel.get("ShuffleConfig", {}).get("Seed"))
            if not entry_points.has_own(self._record):
                self._download_program()
            else:
                for files in self._files:
                    entry_points.move_drivers(files.data, files.root)
            if checkpoints := self._record.get("CheckpointConfig"):
                for files in self._files:
                    folder = self._folder("CheckpointConfig", files)
                    self._storage.download_all(self._storage.found(checkpoints["S3Uri"]), folder)
                self._brought = self._checkpoints()
        except TransferError as error:
            raise failures.of_transfer("Data download failed", error) from error

    def _download_program(self) -> None:
        place = self._hyperparameters["sagemaker_submit_directory"]
        if not place.startswith("s3://"):  # in a channel, as for a container without a network
            for files in self._files:
                unpack(Path(container.moved(place, files.root)), files.code)
            return
        archive = self._root / "sourcedir.tar.gz"
        self._storage.download(place, archive)
        for files in self._files:
            unpack(archive, files.code)
        archive.unlink()

    def cluster(self, grace: Callable[[], float]) -> Cluster:
        """What the hosts run, and how much time they have to end when they are told to."""
        record, began = self._record, int(time.time())
        clusters = container.tensorflow_clusters(self._hyperparameters, len(self._files))
        hosts = [
            Host(files.hosts.current, self._script(files, more), f"{self._name}/{files.hosts.current}-{began}")
            for files, more in zip(self._files, clusters, strict=True)
        ]
        look = UsageMetrics(self._sagemaker, NAMESPACE, self._name)
        return Cluster(hosts, record["RoleArn"], LOG_GROUP, Collector(self._sagemaker, record), grace, look)

    @contextlib.contextmanager
    def mirrored(self) -> Iterator[None]:
        """While this lasts, checkpoints and TensorBoard's output go to S3; at its end what is left of them."""
        places = {
            "CheckpointConfig": self._record.get("CheckpointConfig", {}).get("S3Uri"),
            "TensorBoardOutputConfig": self._record.get("TensorBoardOutputConfig", {}).get("S3OutputPath"),
        }
        mirrors = [
            Mirror(self._storage, self._folder(member, files), uri)
            for member, uri in places.items()
            if uri
            for files in self._files
        ]
        try:
            yield
        except BaseException:
            for mirror in mirrors:
                mirror.abandon()
            raise
        try:
            for mirror in mirrors:
                mirror.finish()
        except TransferError as error:
            raise failures.of_transfer("Checkpoint or TensorBoard upload failed", error) from error

    def checkpoints_written(self) -> int:
        """How many files of the checkpoint folders are not as they were brought there; hidden ones, half written as
        they may be, do not count."""
        return sum(not path.name.startswith(".") for path, _ in self._checkpoints() - self._brought)

    def failure(self, outcome: Outcome) -> JobFailed:
        """Why a program failed, as AWS tells it: from /opt/ml/output/failure, else from the end of the log."""
        if outcome.exit_code < 0:
            return JobFailed(failures.of_signal("training process", -outcome.exit_code))
        files = next(files for files in self._files if files.hosts.current == outcome.host.name)
        written = files.output / "failure"
        if written.is_file():
            reason = written.read_text(errors="replace")[: LONGEST_REASON - 50]
            return JobFailed(f"AlgorithmError: {reason}, exit code: {outcome.exit_code}")
        command = " ".join(outcome.host.script.command)
        return JobFailed(failures.of_program(list(outcome.tail), outcome.exit_code, command))

    def upload(self) -> None:
        """Bring what the programs left in their model and output folders to S3; what is empty leaves nothing."""
        output = self._record["OutputDataConfig"]
        target = self._record["ModelArtifacts"]["S3ModelArtifacts"].rpartition("/output/")[0] + "/output/"
        key = output.get("KmsKeyId") or None
        failures.check_key(key, "Artifact upload failed:")
        try:
            models, outputs = [files.model for files in self._files], [files.output_data for files in self._files]
            for folders, plain, archive in ((models, "model", "model.tar.gz"), (outputs, "data", "output.tar.gz")):
                merged = self._merged(folders)
                if not any(merged.iterdir()):
                    continue
                if output.get("CompressionType") == "NONE":
                    self._storage.upload(merged, target + plain, key)
                else:
                    pack(merged, self._root / archive)
                    self._storage.upload(self._root / archive, target + archive, key)
        except TransferError as error:
            raise failures.of_transfer("Artifact upload failed", error) from error

    @property
    def _name(self) -> str:
        name: str = self._record["TrainingJobName"]
        return name

    def _folder(self, member: str, files: container.TrainingFiles) -> Path:
        path = self._record.get(member, {}).get("LocalPath") or FOLDERS[member]
        return Path(container.moved(path.rstrip("/"), files.root))

    def _checkpoints(self) -> set[FileState]:
        return {state for files in self._files for state in file_states(self._folder("CheckpointConfig", files))}

    def _merged(self, folders: list[Path]) -> Path:
        """One folder of what all hosts left; of two files of one name it holds that of the earlier host."""
        if len(folders) == 1:
            return folders[0]
        merged = self._root / f"merged-{folders[0].name}"
        for folder in reversed(folders):
            shutil.copytree(folder, merged, symlinks=True, dirs_exist_ok=True)
        return merged

    def _script(self, files: container.TrainingFiles, more: dict[str, str]) -> Script:
        record, command = self._record, self._command(files)
        config = files.write_config(record)
        given = {**more, **record.get("Environment", {}), **self._cache(files)}
        environment = container.base_environment(files.root, record["RoleArn"], self._sagemaker.endpoint_url, given)
        environment |= files.environment(record, config, record["TrainingJobArn"])
        notice = container.EXPOSED if "TF_CONFIG" in more else ""
        return Script(command, environment, str(files.code), notice)

    def _command(self, files: container.TrainingFiles) -> tuple[str, ...]:
        if entry_points.has_own(self._record):
            return entry_points.command(self._record, files.root)
        program = self._hyperparameters["sagemaker_program"]
        if not (files.code / program).is_file():
            raise JobFailed(f"AlgorithmError: The submitted archive does not hold {program}, exit code: 1")
        return ("python3", program, *container.program_arguments(self._hyperparameters, files.root))

    def _cache(self, files: container.TrainingFiles) -> dict[str, str]:
        """The folder that stays with a warm pool, and the variable that names it."""
        if self._pool is None:
            return {}
        kept = self._pool.folder / files.hosts.current
        kept.mkdir(exist_ok=True)
        place = Path(container.moved(warm_pools.CACHE, files.root))
        place.parent.mkdir(parents=True)
        place.symlink_to(kept)
        return {warm_pools.VARIABLE: warm_pools.CACHE}
