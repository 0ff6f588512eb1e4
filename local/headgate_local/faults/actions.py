"""The table of what can go wrong on order, named as AWS Fault Injection Service (FIS) names its actions.

This is the only place where an action is declared: FIS's ListActions, the command line's help and the check of an
order all read it. Actions under ``aws:sagemaker:`` and ``aws:events:`` are the local cloud's own; AWS has none there.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Parameter:
    """A parameter of an action; its values are text, as FIS sends them."""

    description: str
    required: bool = False
    number: tuple[float, float] | None = None
    """The least and the largest value, of a parameter that is a number."""


@dataclass(frozen=True)
class Action:
    """Something that can go wrong."""

    description: str
    target: str
    """The kind of resource that it strikes, as FIS writes it: ``aws:sagemaker:endpoint``."""
    parameters: dict[str, Parameter] = field(default_factory=dict)


COUNT = Parameter("How often it strikes before it is over. Default: until it is cleared.", number=(1, 1e9))
DURATION = Parameter("How long it stays in force, in ISO 8601: PT10M. Default: until it is cleared.")
PERCENTAGE = Parameter("How many in a hundred it strikes. Default: 100.", number=(0, 100))
EVERYWHERE = {"count": COUNT, "duration": DURATION}
OFTEN = {**EVERYWHERE, "percentage": PERCENTAGE}
API = {
    "service": Parameter("The service as IAM names it: sagemaker, s3, dynamodb.", required=True),
    "operations": Parameter("Its operations, separated by commas: CreateEndpoint,DescribeEndpoint. Default: all."),
    **OFTEN,
}
EVENT = {
    "detailType": Parameter("Only events of this detail-type, without its blanks: SageMakerEndpoint*. Default: all."),
    **OFTEN,
}

INVOCATIONS = {
    "config": Parameter("Only instances of the endpoint configuration of that name; * stands for anything."),
    **OFTEN,
}

ANYTHING = "aws:any:resource"
ENDPOINT = "aws:sagemaker:endpoint"
TRAINING_JOB = "aws:sagemaker:training-job"
MODEL_PACKAGE = "aws:sagemaker:model-package"
KEY = "aws:kms:key"
TARGETS = {
    ANYTHING: "Resources",
    ENDPOINT: "Endpoints",
    TRAINING_JOB: "TrainingJobs",
    MODEL_PACKAGE: "ModelPackages",
    KEY: "Keys",
}
"""By kind of resource: the name under which an action of FIS takes its targets."""

ACTIONS: dict[str, Action] = {
    "aws:fis:inject-api-internal-error": Action("Calls are answered with an internal error (500).", ANYTHING, API),
    "aws:fis:inject-api-throttle-error": Action("Calls are answered with a throttling error.", ANYTHING, API),
    "aws:fis:inject-api-unavailable-error": Action(
        "Calls are answered with 'service unavailable' (503).", ANYTHING, API
    ),
    "aws:fis:inject-api-delay": Action(
        "Calls take longer.", ANYTHING, {**API, "delaySeconds": Parameter("Seconds. Default: 1.", number=(0, 3600))}
    ),
    "aws:sagemaker:exceed-resource-limit": Action(
        "Creating or changing a resource is refused with ResourceLimitExceeded.", ANYTHING, OFTEN
    ),
    "aws:sagemaker:update-conflict": Action(
        "Changing a model package is refused with ConflictException.", MODEL_PACKAGE, OFTEN
    ),
    "aws:sagemaker:exhaust-capacity": Action(
        "There are no instances: jobs fail with CapacityError, deployments for lack of capacity.", ANYTHING, EVERYWHERE
    ),
    "aws:sagemaker:fail-training-job": Action(
        "Training jobs fail.",
        TRAINING_JOB,
        {
            **EVERYWHERE,
            "fraction": Parameter("The fraction of the jobs that fail. Default: 1.", number=(0, 1)),
            "after": Parameter("Seconds of training before a job fails. Default: 0.", number=(0, 86400)),
        },
    ),
    "aws:sagemaker:interrupt-spot-instance": Action(
        "The spot instances of a training job are taken away.",
        TRAINING_JOB,
        {
            **EVERYWHERE,
            "checkpoints": Parameter(
                "Files that the job has to write into its checkpoint folder first, since it last started. Hidden ones "
                "do not count. Default: 0.",
                number=(0, 1e6),
            ),
            "notice": Parameter(
                "Seconds between SIGTERM and SIGKILL; with 0 programs hear nothing. Default: 120.", number=(0, 120)
            ),
        },
    ),
    "aws:sagemaker:terminate-instance": Action(
        "An instance of the endpoint ends at once.",
        ENDPOINT,
        {"variant": Parameter("Only of this variant."), "count": Parameter("How many. Default: 1.", number=(1, 1000))},
    ),
    "aws:sagemaker:delay-invocations": Action(
        "Instances answer late.",
        ENDPOINT,
        {**INVOCATIONS, "delaySeconds": Parameter("Seconds. Default: 1.", number=(0, 60))},
    ),
    "aws:sagemaker:fail-invocations": Action("Instances answer with an error of their own.", ENDPOINT, INVOCATIONS),
    "aws:sagemaker:lose-feature": Action(
        "A value of every row gets lost on its way to the model, in JSON requests.",
        ENDPOINT,
        {**INVOCATIONS, "column": Parameter("Which one.", required=True)},
    ),
    "aws:sagemaker:stall-deployment": Action("Deployments do not come to their end.", ENDPOINT, EVERYWHERE),
    "aws:sagemaker:fail-deployment": Action("The new fleet of a deployment does not come up.", ENDPOINT, EVERYWHERE),
    "aws:sagemaker:fail-rollback": Action("A roll-back fails too, in UpdateRollbackFailed.", ENDPOINT, EVERYWHERE),
    "aws:events:drop-events": Action("Events are lost.", ANYTHING, EVENT),
    "aws:events:duplicate-events": Action("Events arrive twice.", ANYTHING, EVENT),
    "aws:events:delay-events": Action(
        "Events arrive late.",
        ANYTHING,
        {**EVENT, "delaySeconds": Parameter("Seconds. Default: 5.", number=(0, 3600))},
    ),
    "aws:events:reorder-events": Action("An event arrives after the one that follows it.", ANYTHING, EVENT),
    "aws:kms:disable-key": Action(
        "The key is disabled, and enabled again when the fault is cleared.", KEY, {"duration": DURATION}
    ),
}
