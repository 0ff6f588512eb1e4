"""Clients of the local cloud's own services, with the credentials of a role that SageMaker took on."""

import functools
import json
import shutil
import tarfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from ministack.core.responses import get_region

from headgate_local.api.errors import invalid
from headgate_local.seams import identity

SERVICE = "sagemaker.amazonaws.com"
CONFIG = Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"}, max_pool_connections=16)

TRANSFER = TransferConfig(use_threads=False)
"""Files are small, and S3 is this process: threads would only wait for each other."""

_one_at_a_time = threading.Lock()
CLIENTS = 32
"""Clients that are kept for the next time; each holds some megabytes."""


class TransferError(Exception):
    """Raised when S3 refuses a download or an upload, in the words of SageMaker's failure reasons."""


def take_on(role_arn: str) -> identity.Credentials:
    """The credentials of a role; raises AWS's ValidationException if SageMaker may not take it on."""
    credentials = identity.assume(role_arn, SERVICE, "SageMaker")
    if credentials is None:
        raise invalid(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
            f"'{SERVICE}' to assume the role."
        )
    return credentials


@functools.cache
def _session() -> boto3.session.Session:
    """One for all clients: each reads the descriptions of services anew, and most of a client's time is that."""
    return boto3.session.Session()


@functools.lru_cache(CLIENTS)
def _client(service: str, endpoint_url: str, region: str, credentials: identity.Credentials) -> Any:
    with _one_at_a_time:  # clients may be used in all threads at once, but not made
        return _session().client(
            service,
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            config=CONFIG,
        )


class OutageError(TransferError):
    """Raised when S3 fails for a reason of its own; it may be tried again."""


class Storage:
    """S3 as a role sees it."""

    def __init__(self, endpoint_url: str, role_arn: str) -> None:
        self._s3 = _client("s3", endpoint_url, get_region(), take_on(role_arn))
        self._role = role_arn

    def exists(self, uri: str) -> bool:
        """Whether the role can read an object under this URI."""
        bucket, key = split(uri)
        try:
            self._s3.head_object(Bucket=bucket, Key=key)
        except ClientError:
            return False
        return True

    def download(self, uri: str, target: Path) -> None:
        """Download one object."""
        bucket, key = split(uri)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            body = self._s3.get_object(Bucket=bucket, Key=key)["Body"]  # one call; a transfer is two, and ten threads
            with target.open("wb") as file:
                shutil.copyfileobj(body, file, 1024**2)
        except ClientError as error:
            raise _failure(error, _reason(error, uri)) from error

    def download_all(self, objects: Iterable[tuple[str, str]], folder: Path) -> None:
        """Download objects, each given by its URI and its name below the folder."""
        for uri, name in objects:
            self.download(uri, inside(folder, name))

    def listed(self, uri: str) -> list[tuple[str, str]]:
        """The URI of every object whose key begins like this one, and the name that SageMaker gives it."""
        found = self.found(uri)
        if not found:
            bucket = split(uri)[0]
            raise TransferError(
                f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the '
                f"bucket exists in the selected region ({get_region()}), that objects exist under that S3 prefix, "
                f'and that the role "{self._role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
            )
        return found

    def found(self, uri: str) -> list[tuple[str, str]]:
        """The same, and nothing if there is none."""
        bucket, prefix = split(uri)
        try:
            return [(f"s3://{bucket}/{key}", local_name(key, prefix)) for key in self._keys(bucket, prefix)]
        except ClientError as error:
            raise _failure(error, _reason(error, uri)) from error

    def listed_in_manifest(self, uri: str) -> list[tuple[str, str]]:
        """The same for what a manifest lists: ``[{"prefix": "s3://..."}, "relative/key", ...]``."""
        bucket, key = split(uri)
        try:
            head, *names = json.loads(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            prefix = head["prefix"]
        except ClientError as error:
            raise _failure(error, _reason(error, uri)) from error
        except (ValueError, TypeError, KeyError) as error:
            raise TransferError(f'The manifest "{uri}" is not a JSON list that starts with a prefix.') from error
        return [(prefix + name, name) for name in names]

    def _keys(self, bucket: str, prefix: str) -> Iterator[str]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from (item["Key"] for item in page.get("Contents", []) if not item["Key"].endswith("/"))

    def upload(self, path: Path, uri: str, kms_key: str | None = None) -> None:
        """Upload a file, or every file below a folder."""
        bucket, key = split(uri)
        extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else None
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        for file in files:
            name = key if file == path else f"{key.rstrip('/')}/{file.relative_to(path)}"
            try:
                self._s3.upload_file(str(file), bucket, name, ExtraArgs=extra, Config=TRANSFER)
            except (ClientError, boto3.exceptions.S3UploadFailedError) as error:
                raise _failure(error, f'Failed to upload "{name}" to "{bucket}": {error}') from error


def logs_client(endpoint_url: str, role_arn: str) -> Any:
    """CloudWatch Logs as a role sees it."""
    return _client("logs", endpoint_url, get_region(), take_on(role_arn))


def split(uri: str) -> tuple[str, str]:
    """The bucket and the key of an S3 URI, s3:// or path-style https://; a key may hold any character."""
    scheme, _, rest = uri.partition("://")
    if scheme.lower() != "s3":
        rest = rest.partition("/")[2]
    bucket, _, key = rest.partition("/")
    return bucket, key


def inside(folder: Path, name: str) -> Path:
    """A path below a folder; raises TransferError for a name that would lead out of it."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise TransferError(f"An object's name leads out of its folder: {name!r}.")
    return path


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar archive, refusing members that lead out of the folder or are no plain files."""
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise TransferError(f"{archive.name} is not a tar archive that can be unpacked: {error}") from error


def pack(folder: Path, archive: Path) -> None:
    """Write a folder's content as a .tar.gz; level 0, because model files hardly compress and time counts."""
    with tarfile.open(archive, "w:gz", compresslevel=0) as tar:
        for child in sorted(folder.iterdir()):
            tar.add(child, arcname=child.name)


def local_name(key: str, prefix: str) -> str:
    """``data/a/b.csv`` is ``a/b.csv`` under the prefixes ``data/`` and ``data``, and itself under ``da``."""
    folder = prefix if not prefix or prefix.endswith("/") else prefix + "/"
    if key.startswith(folder):
        return key[len(folder) :]
    return key[prefix.rfind("/") + 1 :]


def _failure(error: Exception, reason: str) -> TransferError:
    cause = error if isinstance(error, ClientError) else error.__context__
    if isinstance(cause, ClientError) and cause.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
        return OutageError(reason)
    return TransferError(reason)


def _reason(error: ClientError, uri: str) -> str:
    code = error.response["Error"]["Code"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return f'{code} ({status}) for "{uri}": {error.response["Error"].get("Message", "")}'.rstrip(": ")
