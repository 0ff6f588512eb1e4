"""The hosts of a training job as workers of one training: who they are, and sums over all of them.

Every worker holds all rows and the same network, and takes its share of each batch; gradients are summed over the
workers, so that a batch stays as large as it was asked for and all networks stay the same. `tf.distribute` brings the
cluster, the sums (collectives over gRPC) and the watch over the other workers' health. Variables are plain ones of each
worker, since the same sum moves them in the same way: nothing about the network, its checkpoints or its export differs
from a training alone.
"""

import contextlib
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

PORT = 8890
"""Where workers listen, as SageMaker's TensorFlow images have it; each has a machine of its own."""
_GONE = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.DeadlineExceededError)


class WorkerLostError(RuntimeError):
    """Raised when another host of the job has ended or cannot be reached."""

    def __init__(self) -> None:
        super().__init__("Another host of this training job ended or cannot be reached; its own log says why.")


class Workers:
    """One worker alone. ``index`` 0 is the chief, who keeps and writes."""

    count, index = 1, 0

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the model."""
        return self.index == 0

    def share(self, batch: int) -> slice:
        """Which rows of a batch are this worker's; sizes differ by one at most."""
        ends = [batch * number // self.count for number in range(self.count + 1)]
        return slice(ends[self.index], ends[self.index + 1])

    def sum(self, values: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        """Each value, summed over all workers; the same bits for all of them. To be called by all, in one order."""
        return values

    def from_chief(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The chief's arrays, for all workers; floats."""
        return list(arrays)

    def agree(self, number: float) -> bool:
        """Whether all workers say the same number."""
        del number
        return True

    def any(self, mine: bool) -> bool:
        """Whether it is so for any worker."""
        return mine

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Tell the end of another worker in words."""
        yield

    def await_chief(self) -> None:
        """Return when the chief has ended, who may still be reading from this one until then."""


ALONE = Workers()


class Cluster(Workers):
    """Several workers, by MultiWorkerMirroredStrategy; to be made before TensorFlow does anything else."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._addresses: list[str] = config["cluster"]["worker"]
        self.count, self.index = len(self._addresses), int(config["task"]["index"])
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec(config["cluster"]), task_type="worker", task_id=self.index, rpc_layer="grpc"
        )
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
        self._sum_one = tf.function(lambda number: self.sum([number])[0], [tf.TensorSpec([], tf.float32)])

    def sum(self, values: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        """One collective for all values, packed one behind the other."""
        flat = tf.concat([tf.reshape(value, [-1]) for value in values], axis=0)
        total = self._strategy.run(_all_reduce, args=(flat,))
        parts = tf.split(total, [tf.size(value) for value in values], num=len(values))
        return [tf.reshape(part, tf.shape(value)) for part, value in zip(parts, values, strict=True)]

    def from_chief(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The others add nothing."""
        given = [array if self.is_chief else np.zeros_like(array) for array in arrays]
        summed = tf.function(self.sum)([tf.constant(array, tf.float32) for array in given])
        return [each.numpy().astype(array.dtype) for each, array in zip(summed, arrays, strict=True)]

    def agree(self, number: float) -> bool:
        """Compares with the chief's, then asks whether anybody differs."""
        chief = self.from_chief([np.array(number, np.float32)])[0]
        return not self.any(bool(chief != np.float32(number)))

    def any(self, mine: bool) -> bool:
        """Counts them."""
        return float(self._sum_one(tf.constant(float(mine)))) > 0

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Translate TensorFlow's errors for a peer that is gone."""
        try:
            yield
        except _GONE as error:
            raise WorkerLostError from error

    def await_chief(self) -> None:
        """The chief's port closes with its process."""
        if self.is_chief:
            return
        host, _, port = self._addresses[0].rpartition(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port))) as chief:
            while chief.recv(1024):
                pass


def _all_reduce(flat: tf.Tensor) -> tf.Tensor:
    context = tf.distribute.get_replica_context()
    own = tf.identity(flat)  # made here it lies on the replica's device, which the collective asks for
    return context.all_reduce(tf.distribute.ReduceOp.SUM, own)


def cluster_of(environment: Mapping[str, str]) -> dict[str, Any] | None:
    """The cluster in TF_CONFIG's form: as it is given, else from SageMaker's hosts; None for a worker alone."""
    if given := environment.get("TF_CONFIG"):
        config: dict[str, Any] = json.loads(given)
        return config if len(config.get("cluster", {}).get("worker", [])) > 1 else None
    hosts: list[str] = json.loads(environment.get("SM_HOSTS", "[]"))
    if len(hosts) < 2:
        return None
    index = hosts.index(environment["SM_CURRENT_HOST"])
    return {"cluster": {"worker": [f"{host}:{PORT}" for host in hosts]}, "task": {"type": "worker", "index": index}}


def open_workers(environment: Mapping[str, str]) -> Workers:
    """Join the other hosts of the job, if there are any."""
    config = cluster_of(environment)
    return Cluster(config) if config else ALONE
