"""A tenant's own stack (infra/tenant.yaml): its roles and its key, against the things of another tenant."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.lint_template import REGION
from tests.prove.matrix import OTHERS, OWN, catalogue
from tests.prove.needs import Need, key_of, need, needed
from tests.prove.referee import ANYBODY, Question, Referee
from tests.prove.stack import OF_SAGEMAKER, Stack, stack_of
from tests.prove.table import identity

ROLES = ("DataRole", *OF_SAGEMAKER)
DATA, TRAINING, SERVING, PROCESSING = ROLES
JOBS = (TRAINING, PROCESSING)


@dataclass(frozen=True)
class Try:
    """One thing that somebody tries, and whether it is to succeed."""

    who: str
    fault: str
    need: Need
    ours: bool = False


def tries(system: Stack) -> list[Try]:
    """What the roles of a tenant try on others, everybody on keys, and services on the roles."""
    others = [
        Try(role, each.fault, each.need) for role in ROLES for other in OTHERS for each in catalogue(system, other)
    ]
    return [*others, *_own(system), *_of_sagemaker(system), *_trusts(system), *_keys(system)]


def _own(system: Stack) -> Iterator[Try]:
    """What the role of the tenant's people is for; and what of the tenant's own is not theirs to do."""
    data, artifacts = system.arn("DataBucket"), system.arn("ArtifactBucket")
    endpoint = f"arn:aws:sagemaker:{REGION}:{system.account}:endpoint/{OWN}-iris"
    yield Try(DATA, "S01", need("s3:PutObject", f"{data}/{OWN}/iris/incoming/may.csv"), ours=True)
    yield Try(DATA, "S01", need("s3:GetObject", f"{artifacts}/{OWN}/iris/runs/x/card.html"), ours=True)
    yield Try(DATA, "S01", need("s3:ListBucket", data, s3__prefix=f"{OWN}/iris/"), ours=True)
    yield Try(DATA, "S04", need("sagemaker:InvokeEndpoint", endpoint), ours=True)
    for role in ROLES:
        yield Try(role, "S13", need("s3:DeleteObject", f"{artifacts}/{OWN}/iris/runs/x/card.html"))
        yield Try(role, "S13", need("s3:DeleteObjectVersion", f"{data}/{OWN}/iris/incoming/may.csv"))
        dataset = f"{artifacts}/{OWN}/iris/datasets/x/test.parquet"
        yield Try(role, "S13", need("s3:PutObject", dataset), ours=role == PROCESSING)
        for action in ("ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy"):
            yield Try(role, "S05", need(f"kms:{action}", f"arn:aws:kms:{REGION}:{system.account}:key/of-{OWN}"))
        for action in ("DeleteEndpoint", "UpdateEndpoint"):
            yield Try(role, "S04", need(f"sagemaker:{action}", endpoint))
        for kind in ("training", "serving", "processing"):
            own = f"arn:aws:iam::{system.account}:role/{system.name}-tenant-{OWN}-{kind}"
            yield Try(role, "S06", need("iam:PassRole", own, iam__PassedToService="sagemaker.amazonaws.com"))


def _of_sagemaker(system: Stack) -> Iterator[Try]:
    """What the tenant's jobs and models do; one does nothing of the other's, and nothing of the system's."""
    data, artifacts = system.arn("DataBucket"), system.arn("ArtifactBucket")
    reads = {
        "datasets/x/train.parquet": (TRAINING,),
        "datasets/x/examination/request.json": (TRAINING, PROCESSING),
        "runs/x/training/x/output/model.tar.gz": (TRAINING, SERVING),
    }
    for role in OF_SAGEMAKER:
        for place, may in reads.items():
            yield Try(role, "S01", need("s3:GetObject", f"{artifacts}/{OWN}/iris/{place}"), ours=role in may)
        yield Try(role, "S01", need("s3:GetObject", f"{data}/{OWN}/iris/incoming/may.csv"), ours=role == PROCESSING)
        yield Try(role, "S01", need("s3:GetObject", f"{data}/{OWN}/iris/feedback/may.csv"))
        for prefix, ours in ((f"{OWN}/iris/runs/", True), ("", False), ("_captured/", False)):
            yield Try(role, "S01", need("s3:ListBucket", artifacts, s3__prefix=prefix), ours=ours)
        yield Try(role, "S01", need("s3:ListBucket", artifacts))
        runs, captured = f"{artifacts}/{OWN}/iris/runs/x/a", f"{artifacts}/_captured/{OWN}/iris/a"
        yield Try(role, "S13", need("s3:PutObject", runs), ours=role == TRAINING)
        yield Try(role, "S13", need("s3:PutObject", captured), ours=role == SERVING)
        seen = f"{artifacts}/_captured/{OWN}/iris/r1/observations/000001-1/shard-a.json"
        yield Try(role, "S13", need("s3:PutObject", seen), ours=role in (PROCESSING, SERVING))
        yield Try(role, "S13", need("s3:PutObject", f"{artifacts}/_system/code/x/train.py"))
        for namespace, ours in (("/aws/sagemaker/x", True), ("Headgate", False)):
            yield Try(role, "S07", need("cloudwatch:PutMetricData", cloudwatch__namespace=namespace), ours=ours)
    logs = f"arn:aws:logs:{REGION}:{system.account}:log-group:/aws"
    for group, stream, may in (
        ("sagemaker/ProcessingJobs", f"{OWN}-iris-x/1", JOBS),
        ("sagemaker/TrainingJobs", f"{OWN}-iris-x/1", (TRAINING,)),
        *((f"sagemaker/{kind}Jobs", f"{other}-x/1", ()) for kind in ("Training", "Processing") for other in OTHERS),
        (f"sagemaker/Endpoints/{OWN}-iris", "1", (SERVING,)),
        (f"sagemaker/Endpoints/{OTHERS[0]}-iris", "1", ()),
        ("lambda/headgate", f"{OWN}-iris-x/1", ()),
    ):
        for role in OF_SAGEMAKER:
            yield Try(role, "S10", need("logs:PutLogEvents", f"{logs}/{group}:log-stream:{stream}"), ours=role in may)


def _trusts(system: Stack) -> Iterator[Try]:
    """Who takes on the roles of jobs and models: SageMaker, for this account."""
    source = f"arn:aws:sagemaker:{REGION}:%s:training-job/{OWN}-iris-0123456789"
    elsewhere = f"arn:aws:ec2:{REGION}:{system.account}:instance/i-1"
    for role in OF_SAGEMAKER:
        arn = f"arn:aws:iam::{system.account}:role/{system.name}-tenant-{OWN}-{role.removesuffix('Role').lower()}"

        def taken(account: str, source: str, arn: str = arn) -> Need:
            return need("sts:AssumeRole", arn, aws__SourceAccount=account, aws__SourceArn=source)

        ours, theirs = system.account, "999999999999"
        for service in ("sagemaker.amazonaws.com", "ec2.amazonaws.com"):
            yield Try(service, f"S07 {role}", taken(ours, source % ours), service.startswith("sagemaker"))
        yield Try("sagemaker.amazonaws.com", f"S07 {role}", taken(theirs, source % ours))
        yield Try("sagemaker.amazonaws.com", f"S07 {role}", taken(ours, source % theirs))
        yield Try("sagemaker.amazonaws.com", f"S07 {role}", taken(ours, elsewhere))


def _keys(system: Stack) -> Iterator[Try]:
    via, place = f"s3.{REGION}.amazonaws.com", f"{system.arn('DataBucket')}/%s/iris/incoming/may.csv"

    def using(who: str, key: str, of: str, ours: bool = False, **changes: str | None) -> Iterator[Try]:
        context = {"kms:ViaService": via, "kms:EncryptionContext:aws:s3:arn": place % of, **changes}
        given = {name: value for name, value in context.items() if value is not None}
        arn = f"arn:aws:kms:{REGION}:{system.account}:key/of-{key}"
        for action in ("Decrypt", "GenerateDataKey"):
            yield Try(who, "S05", needed(f"kms:{action}", arn, given), ours)

    for who in (DATA, "anybody"):
        yield from using(who, OWN, OWN, ours=True)
        yield from using(who, OWN, OTHERS[0])  # the right key, another's object
        yield from using(who, OWN, OTHERS[1])
        yield from using(who, OWN, OWN, **{"kms:ViaService": None})  # by itself, not through S3
        yield from using(who, OWN, OWN, **{"kms:ViaService": f"sqs.{REGION}.amazonaws.com"})
        yield from using(who, OWN, OWN, **{"kms:EncryptionContext:aws:s3:arn": None})
    for role in ROLES:
        yield from using(role, OTHERS[0], OTHERS[0])  # another's key, their own object
    yield from using(DATA, OTHERS[0], OWN)
    yield from using("anybody", OTHERS[0], OWN)
    for role in OF_SAGEMAKER:
        yield from using(role, OWN, OWN, ours=True)
    for who, may in (*((job, True) for job in JOBS), ("anybody", True), (SERVING, False), (DATA, False)):
        for service in ("true", "false"):  # for volumes, by a service of AWS
            context = {"kms:GrantIsForAWSResource": service, "aws:PrincipalIsAWSService": "false"}
            wanted = needed("kms:CreateGrant", key_of(OWN, system.account), context)
            yield Try(who, "S05", wanted, ours=may and service == "true")
    by_aws = {"kms:GrantIsForAWSResource": "false", "aws:PrincipalIsAWSService": "true"}
    yield Try("anybody", "S05", needed("kms:CreateGrant", key_of(OWN, system.account), by_aws), ours=True)
    for of in (OWN, OTHERS[0]):  # notices of the tenant's own topic, and of another's under the same key
        topic = f"arn:aws:sns:{REGION}:{system.account}:{system.name}-tenant-{of}"
        for service in ("sns", "sqs"):
            context = {
                "kms:ViaService": f"{service}.{REGION}.amazonaws.com",
                "kms:EncryptionContext:aws:sns:topicArn": topic,
            }
            wanted = needed("kms:GenerateDataKey", key_of(OWN, system.account), context)
            yield Try("anybody", "S05", wanted, ours=(of, service) == (OWN, "sns"))
    theirs = needed("kms:CreateGrant", key_of(OTHERS[0], system.account), {"kms:GrantIsForAWSResource": "true"})
    yield from (Try(role, "S05", theirs) for role in ROLES)
    alarms = f"arn:aws:kms:{REGION}:{system.account}:key/of-{OWN}"
    for account in (system.account, "999999999999"):
        wanted = need("kms:GenerateDataKey", alarms, aws__SourceAccount=account)
        yield Try("cloudwatch.amazonaws.com", "S07", wanted, account == system.account)
        yield Try("ec2.amazonaws.com", "S07", wanted)


def wrong(referee: Referee, system: Stack, own: Stack, made: Iterable[Try]) -> list[tuple[Try, str]]:
    """The tries that end otherwise than they should, with a tenant's own stack as it is given."""
    referee.know({"anybody": ANYBODY})
    listed, carried = list(made), {role: identity(referee, own, role) for role in ROLES}
    theirs = {f"of-{other}": stack_of(other, system) for other in OTHERS}
    questions = []
    for each in listed:
        named, service = None, each.who.endswith(".amazonaws.com")
        if each.need.action.startswith("kms:"):
            key = each.need.resource.rpartition("/")[2]
            document = (theirs.get(key) or own).policy_of(f"arn:aws:kms:{REGION}:{system.account}:key/{key}")
            if document is not None:
                named = f"key {key} {hash(str(document[1]))}"
                referee.know({named: document[1]})
        elif service:
            trust = own.roles[each.fault.partition(" ")[2]].trust
            named = f"trust {hash(str(trust))}"
            referee.know({named: trust})
        policies = () if service else ("anybody",) if each.who == "anybody" else carried[each.who]
        who = each.who if service else f"role/{each.who}"
        questions.append(Question(each.need, system.account, policies, None, None, named, who))
    answers = referee.judge(questions)
    return [
        (each, answer.result)
        for each, answer in zip(listed, answers, strict=True)
        if answer.allowed != each.ours or answer.senseless
    ]
