"""Sending what was planned: the data, then the marker that completes them."""

from headgate.domain.names import Part, Project, dataset_id
from headgate_cli.connection import Cloud
from headgate_cli.errors import CommandError
from headgate_cli.planning import Plan
from headgate_cli.runs import RunRef


def upload(cloud: Cloud, project: Project, planned: Plan) -> RunRef:
    """Put the objects in place, the marker last.

    Returns:
        The run that they start: its name follows from the versions of the objects.

    Raises:
        CommandError: when the bucket keeps no versions, so that nothing would tell one upload from the next.
    """
    s3 = cloud.client("s3")
    parts = []
    for path, key in planned.objects:
        with path.open("rb") as body:
            s3.upload_fileobj(body, cloud.data_bucket, key)
        stored = s3.head_object(Bucket=cloud.data_bucket, Key=key)
        if "VersionId" not in stored:
            raise CommandError(f"The bucket {cloud.data_bucket} keeps no versions: deploy the stack again.")
        parts.append(Part(key, stored["VersionId"], stored["ContentLength"]))
    if planned.marker:
        s3.put_object(Bucket=cloud.data_bucket, Key=planned.marker, Body=b"")
    return RunRef(project, dataset_id(cloud.data_bucket, parts))
