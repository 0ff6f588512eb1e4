"""Which host gets which objects."""

from pathlib import Path

import pytest

from headgate_local.api.errors import ApiError
from headgate_local.sagemaker.jobs.channels import deliver, source


class Bucket:
    """Storage that has these objects, and writes each one's key where it is wanted."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def listed(self, uri: str) -> list[tuple[str, str]]:
        return [(f"{uri}{key}", key) for key in self.keys]

    def download_all(self, objects, folder: Path) -> None:
        for _, name in objects:
            (folder / name).write_text(name)


@pytest.fixture
def share(tmp_path):
    """The keys that each of so many hosts gets."""

    def deliver_to(hosts: int, *keys: str, distribution: str | None = None, seed: int | None = None) -> list[list[str]]:
        folders = [tmp_path / f"{seed}-{number}" for number in range(hosts)]
        s3 = {"S3DataType": "S3Prefix", "S3Uri": "s3://b/p/"}
        if distribution:
            s3["S3DataDistributionType"] = distribution
        deliver(Bucket(*keys), s3, folders, seed)  # type: ignore[arg-type]
        return [sorted(path.name for path in folder.iterdir()) for folder in folders]

    return deliver_to


def test_every_host_gets_everything_unless_it_is_sharded(share) -> None:
    assert share(2, "a", "b") == [["a", "b"], ["a", "b"]]


def test_shards_are_dealt_out(share) -> None:
    assert share(3, *"abcdefg", distribution="ShardedByS3Key") == [["a", "d", "g"], ["b", "e"], ["c", "f"]]


def test_a_host_too_many_gets_nothing(share) -> None:
    assert share(2, "a", distribution="ShardedByS3Key") == [["a"], []]


def test_a_seed_shuffles_the_shards_always_alike(share, tmp_path) -> None:
    keys = "abcdefghij"
    plain = share(2, *keys, distribution="ShardedByS3Key")
    shuffled = share(2, *keys, distribution="ShardedByS3Key", seed=1)
    assert shuffled != plain
    assert sorted(shuffled[0] + shuffled[1]) == list(keys)
    assert share(2, *keys, distribution="ShardedByS3Key", seed=1) == shuffled


@pytest.mark.parametrize(
    ("channel", "feature"),
    [
        ({"InputMode": "Pipe"}, "Pipe"),
        ({"CompressionType": "Gzip"}, "CompressionType"),
        ({"RecordWrapperType": "RecordIO"}, "RecordWrapperType"),
        ({"DataSource": {"S3DataSource": {"S3DataType": "AugmentedManifestFile", "S3Uri": "s3://b"}}}, "Augmented"),
        ({"DataSource": {"DatasetSource": {}}}, "other than from S3"),
    ],
)
def test_what_a_channel_cannot_be_is_refused_by_name(channel, feature) -> None:
    plain = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b"}}}
    with pytest.raises(ApiError, match=feature):
        source(plain | channel)


@pytest.mark.parametrize("mode", ["File", "FastFile"])
def test_files_are_files_in_either_mode(mode) -> None:
    s3 = {"S3DataType": "S3Prefix", "S3Uri": "s3://b"}
    assert source({"DataSource": {"S3DataSource": s3}, "InputMode": mode}) == s3
