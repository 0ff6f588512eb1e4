"""What a container finds: the files under /opt/ml, the arguments and the environment that AWS documents.

/opt/ml cannot be had by many jobs at once without root, so every job has a private folder that stands for the
container's root, and every path of /opt/ml that goes into arguments or the environment is moved below it.
"""

import contextlib
import json
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ministack.core.responses import get_region

from headgate_local.sagemaker.clients import take_on
from headgate_local.sagemaker.jobs.channels import source

GROUP = "homogeneousCluster"
"""What SageMaker calls the instances of a job that all have one type."""
OWN = ("sagemaker_", "_tuning_objective_metric")
"""Hyperparameters that begin so are for SageMaker's training toolkit, not for the program."""


THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS")
"""What tells numeric libraries how many threads to take; jobs share the machine with the cloud."""

EXPOSED = (
    "The local cloud: TensorFlow's servers of this job listen on every interface of this computer, without "
    "authentication, until it ends. Train on one instance where others may reach this computer."
)
"""What the log of such a job says: TensorFlow's gRPC server takes the port of TF_CONFIG, but not its address."""


def moved(text: str, root: Path) -> str:
    """A path of /opt/ml below the private root; any other text as it is."""
    return f"{root}{text}" if text == "/opt/ml" or text.startswith("/opt/ml/") else text


def base_environment(root: Path, role_arn: str, endpoint_url: str, given: dict[str, str]) -> dict[str, str]:
    """What every container has, then what its job gives it. The credentials are the role's, never the cloud's."""
    credentials = take_on(role_arn)
    temporary = root / "tmp"
    temporary.mkdir(exist_ok=True)
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(root),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **{name: os.environ[name] for name in THREADS if name in os.environ},
        "AWS_REGION": get_region(),
        "AWS_DEFAULT_REGION": get_region(),
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        **{name: moved(value, root) for name, value in given.items()},
    }


def decoded_hyperparameters(raw: dict[str, str]) -> dict[str, Any]:
    """The SageMaker SDK writes each value as JSON; a value that is none is taken as it is."""
    return {name: _decoded(value) for name, value in raw.items()}


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def program_arguments(hyperparameters: dict[str, Any], root: Path) -> list[str]:
    """``--name value`` for every hyperparameter of the program, as the training toolkit writes them."""
    arguments: list[str] = []
    for name, value in hyperparameters.items():
        if not name.startswith(OWN):
            text = json.dumps(value) if isinstance(value, dict | list) else str(value)
            arguments += [f"-{name}" if len(name) == 1 else f"--{name}", moved(text, root)]
    return arguments


@dataclass(frozen=True)
class Hosts:
    """The hosts of a job as one of them sees them."""

    names: tuple[str, ...]
    current: str

    @classmethod
    def of(cls, count: int) -> "list[Hosts]":
        """What each of so many hosts sees, in their order."""
        names = tuple(f"algo-{number}" for number in range(1, count + 1))
        return [cls(names, name) for name in names]

    @property
    def index(self) -> int:
        """Its place among them."""
        return self.names.index(self.current)


class TrainingFiles:
    """The folders and files of one host's training container."""

    def __init__(self, root: Path, hosts: Hosts) -> None:
        self.root, self.hosts = root, hosts
        self.ml = root / "opt" / "ml"
        self.code = self.ml / "code"
        self.model = self.ml / "model"
        self.output = self.ml / "output"
        self.output_data = self.output / "data"
        self.config = self.ml / "input" / "config"
        self.data = self.ml / "input" / "data"
        for folder in (self.code, self.model, self.output_data, self.config, self.data):
            folder.mkdir(parents=True)

    def write_config(self, request: dict[str, Any]) -> dict[str, Any]:
        """Write the files of /opt/ml/input/config; answers them as SM_RESOURCE_CONFIG and the like need them."""
        channels = {
            channel["ChannelName"]: {
                "TrainingInputMode": "File",
                "S3DistributionType": source(channel).get("S3DataDistributionType", "FullyReplicated"),
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
                **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
            }
            for channel in request.get("InputDataConfig", [])
        }
        names, instance = list(self.hosts.names), request["ResourceConfig"].get("InstanceType", "local")
        resources = {
            "current_host": self.hosts.current,
            "current_instance_type": instance,
            "current_group_name": GROUP,
            "hosts": names,
            "instance_groups": [{"instance_group_name": GROUP, "instance_type": instance, "hosts": names}],
            "network_interface_name": "lo",
        }
        config = {
            "hyperparameters": request.get("HyperParameters", {}),
            "inputdataconfig": channels,
            "resourceconfig": resources,
        }
        for name, content in config.items():
            (self.config / f"{name}.json").write_text(json.dumps(content))
        return config

    def environment(self, request: dict[str, Any], config: dict[str, Any], arn: str) -> dict[str, str]:
        """The SM_* variables of SageMaker's training toolkit."""
        hyperparameters = decoded_hyperparameters(request.get("HyperParameters", {}))
        own = {name: value for name, value in hyperparameters.items() if not name.startswith(OWN)}
        channels = {name: str(self.data / name) for name in config["inputdataconfig"]}
        program = hyperparameters.get("sagemaker_program", "")
        resources = config["resourceconfig"]
        plain: dict[str, Any] = {
            "hps": own,
            "user_entry_point": program,
            "module_name": program.removesuffix(".py"),
            "module_dir": hyperparameters.get("sagemaker_submit_directory", ""),
            "model_dir": str(self.model),
            "input_dir": str(self.ml / "input"),
            "input_config_dir": str(self.config),
            "output_dir": str(self.output),
            "output_data_dir": str(self.output_data),
            "channels": sorted(channels),
            "input_data_config": config["inputdataconfig"],
            "resource_config": resources,
            "hosts": resources["hosts"],
            "current_host": self.hosts.current,
            "current_instance_type": resources["current_instance_type"],
            "current_instance_group": GROUP,
            "current_instance_group_hosts": resources["hosts"],
            "instance_groups": [GROUP],
            "is_hetero": False,
            "network_interface_name": "lo",
            "num_cpus": os.cpu_count(),
            "num_gpus": 0,
            "log_level": 20,
        }
        is_master = self.hosts.index == 0
        training = {"job_name": request["TrainingJobName"], "channel_input_dirs": channels, "is_master": is_master}
        plain["training_env"] = {**plain, "hyperparameters": own, **training}
        return {
            "TRAINING_JOB_NAME": request["TrainingJobName"],
            "TRAINING_JOB_ARN": arn,
            **{f"SM_{name.upper()}": _text(value) for name, value in plain.items()},
            **{f"SM_HP_{name.upper().replace('-', '_')}": _text(value) for name, value in own.items()},
            **{f"SM_CHANNEL_{name.upper().replace('-', '_')}": path for name, path in channels.items()},
        }


def tensorflow_clusters(hyperparameters: dict[str, Any], count: int) -> list[dict[str, str]]:
    """TF_CONFIG for each host, where SageMaker's TensorFlow images set it: for MultiWorkerMirroredStrategy.

    The workers' addresses are free ports of loopback: on one machine the names of the hosts cannot be theirs. They find
    each other there; each listens on every interface nevertheless (`EXPOSED`).
    """
    if not hyperparameters.get("sagemaker_multi_worker_mirrored_strategy_enabled"):
        return [{}] * count
    workers = [f"127.0.0.1:{port}" for port in free_ports(count)]
    return [
        {
            "TF_CONFIG": json.dumps(
                {
                    "cluster": {"worker": workers},
                    "environment": "cloud",
                    "task": {"index": index, "type": "worker"},
                }
            )
        }
        for index in range(count)
    ]


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
