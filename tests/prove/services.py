"""What AWS's services do in the name of the template's roles: Lambda for its functions, SageMaker for its jobs.

Sources: Lambda developer guide (event source mappings, dead-letter queues, logs), SageMaker developer guide
("SageMaker AI roles": permissions of CreateTrainingJob, CreateProcessingJob and CreateModel).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.lint_template import REGION
from tests.prove.needs import Need, granting, need, needed, sealing
from tests.prove.stack import OF_SAGEMAKER, Asked, Stack, stack_of

_POLLED = {
    "sqs": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
    "dynamodb": ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
}
_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
_PULLS = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]


def functions(stack: Stack) -> Iterator[Asked]:
    """What Lambda does for the functions: logs, queues and streams that it reads, queues for what failed."""
    for logical, properties in stack.of("AWS::Lambda::Function"):
        stream = f"arn:aws:logs:{REGION}:{stack.account}:log-group:/aws/lambda/{stack.named(logical)}:log-stream:1"
        wants = [need("logs:CreateLogStream", stream), need("logs:PutLogEvents", stream)]
        if "DeadLetterConfig" in properties:
            wants.append(need("sqs:SendMessage", stack.plain(properties["DeadLetterConfig"]["TargetArn"])))
        yield from (Asked(stack.role_of[logical], each, stack, f"Lambda for {logical}") for each in wants)
    for name, mapping in stack.of("AWS::Lambda::EventSourceMapping"):
        role = stack.role_of[stack.function_called(mapping["FunctionName"]["Ref"])]
        source = stack.plain(mapping["EventSourceArn"])
        wants = [need(action, source) for action in _POLLED[source.split(":")[2]]]
        if failed := mapping.get("DestinationConfig"):
            wants.append(need("sqs:SendMessage", stack.plain(failed["OnFailure"]["Destination"])))
        yield from (Asked(role, each, stack, f"Lambda for {name}") for each in wants)


def deployments(stack: Stack) -> Iterator[Asked]:
    """What CodeDeploy does to move the aliases of the functions (managed policy AWSCodeDeployRoleForLambdaLimited, of
    which it needs no more here: nobody is told by SNS, and CloudFormation gives what is to be moved itself). It
    asks for provisioned concurrency, too: see `table.UNJUDGED`.
    """
    role = "DeploymentRole"
    for alias, properties in stack.of("AWS::Lambda::Alias"):
        function = stack.arn(properties["FunctionName"]["Ref"])
        wants = [need(f"lambda:{action}", function) for action in ("GetAlias", "UpdateAlias")]
        yield from (Asked(role, each, stack, f"CodeDeploy for {alias}") for each in wants)
    alarm = f"arn:aws:cloudwatch:{REGION}:{stack.account}:alarm:headgate"
    yield Asked(role, need("cloudwatch:DescribeAlarms", alarm), stack, "CodeDeploy")


def jobs(kind: str, described: Mapping[str, Any], stack: Stack) -> Iterator[Asked]:
    """What SageMaker does with a tenant's roles for a job, a model or a configuration that a cloud describes."""
    named = f"arn:aws:iam::{stack.account}:role/{stack.name}-tenant-"
    serving = f"{named}{described.get('EndpointConfigName', '').partition('-')[0]}-serving"  # a configuration's models'
    role = str(described.get("RoleArn") or described.get("ExecutionRoleArn") or serving)
    tenant, _, purpose = role.removeprefix(named).rpartition("-")
    logical = next((each for each in OF_SAGEMAKER if each == f"{purpose.title()}Role"), None)
    if role.startswith(named) and logical is not None:
        own = stack_of(tenant, stack)
        wants = {"training": training_job, "processing": processing_job, "model": model, "config": capture}[kind]
        yield from (Asked(logical, each, own, f"SageMaker: {kind}") for each in wants(described, stack.account))
        for given in described.get("ProcessingInputs", []):
            if given["S3Input"]["S3DataType"] == "ManifestFile":
                listed = _listed(given["S3Input"]["S3Uri"], stack)
                yield from (Asked(logical, each, own, f"SageMaker: {kind}") for each in listed)


def training_job(job: Mapping[str, Any], account: str) -> Iterator[Need]:
    """What SageMaker does with the role of a training job, as CreateTrainingJob or its description tells."""
    yield from _container(
        job["AlgorithmSpecification"]["TrainingImage"], "/aws/sagemaker/TrainingJobs", account, job["TrainingJobName"]
    )
    yield need("cloudwatch:PutMetricData", cloudwatch__namespace="/aws/sagemaker/TrainingJobs")
    for channel in job.get("InputDataConfig", []):
        yield from _reads(channel["DataSource"]["S3DataSource"]["S3Uri"], account)
    yield from _writes(job["OutputDataConfig"]["S3OutputPath"], account, job["OutputDataConfig"].get("KmsKeyId"))
    if job["ResourceConfig"].get("VolumeKmsKeyId"):
        yield granting(job["TrainingJobName"], account)
    for key in ("CheckpointConfig", "TensorBoardOutputConfig"):
        if place := job.get(key):
            yield from _writes(place.get("S3Uri") or place["S3OutputPath"], account)
            yield from _reads(place.get("S3Uri") or place["S3OutputPath"], account)


def processing_job(job: Mapping[str, Any], account: str) -> Iterator[Need]:
    """What SageMaker does with the role of a processing job."""
    yield from _container(
        job["AppSpecification"]["ImageUri"], "/aws/sagemaker/ProcessingJobs", account, job["ProcessingJobName"]
    )
    yield need("cloudwatch:PutMetricData", cloudwatch__namespace="/aws/sagemaker/ProcessingJobs")
    for given in job.get("ProcessingInputs", []):
        yield from _reads(given["S3Input"]["S3Uri"], account)
    outputs = job.get("ProcessingOutputConfig", {})
    for made in outputs.get("Outputs", []):
        yield from _writes(made["S3Output"]["S3Uri"], account, outputs.get("KmsKeyId"))
    if job["ProcessingResources"]["ClusterConfig"].get("VolumeKmsKeyId"):
        yield granting(job["ProcessingJobName"], account)


def model(described: Mapping[str, Any], account: str) -> Iterator[Need]:
    """What SageMaker does with the role of a model that serves."""
    logs = f"/aws/sagemaker/Endpoints/{described['ModelName']}"
    yield from _container(described["PrimaryContainer"]["Image"], logs, account)
    yield need("cloudwatch:PutMetricData", cloudwatch__namespace="/aws/sagemaker/Endpoints")
    yield from _reads(described["PrimaryContainer"]["ModelDataUrl"], account)


def capture(config: Mapping[str, Any], account: str) -> Iterator[Need]:
    """What an endpoint's configuration asks of the serving role: requests are kept, alarms of a deployment heeded."""
    kept = config.get("DataCaptureConfig", {})
    if place := kept.get("DestinationS3Uri"):
        found = _writes(place, account, kept.get("KmsKeyId"))
        yield from (each for each in found if each.action != "s3:AbortMultipartUpload")
    yield need("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{REGION}:{account}:alarm:headgate-demo-iris-r1-errors")


def _container(image: str, logs: str, account: str, job: str = "") -> Iterator[Need]:
    """What it takes to start one, and to write its log: a stream of it is named after its job, `<job>/<host>`."""
    registry, _, repository = image.partition("/")
    owner, region = registry.split(".")[0], registry.split(".")[3]
    yield need("ecr:GetAuthorizationToken")
    yield from (need(each, f"arn:aws:ecr:{region}:{owner}:repository/{repository.split(':')[0]}") for each in _PULLS)
    group = f"arn:aws:logs:{REGION}:{account}:log-group:{logs}"
    yield from (need(each, group) for each in ("logs:CreateLogGroup", "logs:DescribeLogStreams"))
    yield from (need(each, f"{group}:log-stream:{job}/1") for each in ("logs:CreateLogStream", "logs:PutLogEvents"))


def _reads(uri: str, account: str) -> Iterator[Need]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    place = f"arn:aws:s3:::{bucket}/{key}" + ("file" if key.endswith("/") else "")
    yield need("s3:ListBucket", f"arn:aws:s3:::{bucket}", s3__prefix=key)
    yield need("s3:GetObject", place)
    yield from sealing("Decrypt", place, account)


def _listed(manifest: str, stack: Stack) -> Iterator[Need]:
    """What a manifest lists: the uploads of a dataset's project, or requests that were captured."""
    place = manifest.removeprefix("s3://").partition("/")[2]
    tenant, project = place.removeprefix("_captured/").split("/")[:2]
    if place.startswith("_captured/"):
        captured = f"_captured/{tenant}/{project}/{tenant}-{project}-r1/a.jsonl"
        yield from _reads(f"s3://{stack.named('ArtifactBucket')}/{captured}", stack.account)
        return
    yield from _reads(f"s3://{stack.named('DataBucket')}/{tenant}/{project}/incoming/part.csv", stack.account)


def _writes(uri: str, account: str, key: str | None = None) -> Iterator[Need]:
    place = "arn:aws:s3:::" + uri.removeprefix("s3://").rstrip("/") + "/file"
    yield needed("s3:PutObject", place, {f"s3:{_KEY}": key} if key else {})
    yield need("s3:AbortMultipartUpload", place)  # of an upload in parts that failed
    for action in ("GenerateDataKey", "Decrypt") if key else ():
        yield from sealing(action, place, account)
