"""S3: objects by bucket and raw key, pinned to versions where it matters."""

import json
from typing import Any

from headgate.aws.errors import translated
from headgate.domain.names import Part


class Objects:
    """Reading and writing objects. Keys are passed as they are, never encoded or decoded here."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get_json(self, bucket: str, key: str) -> Any:
        """Read a JSON document.

        Raises:
            NotFoundError: when there is no such object.
        """
        with translated(f"read s3://{bucket}/{key}"):
            return json.loads(self._client.get_object(Bucket=bucket, Key=key)["Body"].read())

    def put_json(self, bucket: str, key: str, document: Any) -> None:
        """Write a JSON document; the same document gives the same bytes."""
        body = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).encode()
        self._put(bucket, key, body, "application/json")

    def put_bytes(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object from memory."""
        self._put(bucket, key, body, "application/octet-stream")

    def latest_parts(self, bucket: str, prefix: str) -> list[Part]:
        """The objects under a prefix, each in its latest version; deleted ones are left out."""
        with translated(f"list s3://{bucket}/{prefix}"):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
            return [
                Part(version["Key"], version["VersionId"], version["Size"])
                for page in pages
                for version in page.get("Versions", [])
                if version["IsLatest"]
            ]

    def _put(self, bucket: str, key: str, body: bytes, content_type: str) -> None:
        with translated(f"write s3://{bucket}/{key}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)
