"""A tenant's own stack (infra/tenant.yaml): its role and its key, against the things of another tenant."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from samtranslator.yaml_helper import yaml_parse

from tests.lint_template import REGION, ROOT
from tests.prove.matrix import OTHERS, OWN, catalogue
from tests.prove.needs import Need, need, needed
from tests.prove.referee import ANYBODY, Question, Referee
from tests.prove.stack import Stack
from tests.prove.table import identity

ROLE = "DataRole"


@dataclass(frozen=True)
class Try:
    """One thing that somebody tries, and whether it is to succeed."""

    who: str
    fault: str
    need: Need
    ours: bool = False


def stack_of(tenant: str, system: Stack) -> Stack:
    """The stack of a tenant beside the system's."""
    given = {
        "System": system.name,
        "Tenant": tenant,
        "DataBucket": system.named("DataBucket"),
        "ArtifactBucket": system.named("ArtifactBucket"),
        "RegisterTenantFunction": "",
    }
    template = yaml_parse((ROOT / "infra" / "tenant.yaml").read_text())
    for name, value in given.items():
        template["Parameters"][name] = {**template["Parameters"][name], "Default": value}
    physical = {"Key": f"of-{tenant}", ROLE: f"{system.name}-{tenant}-data"}
    return Stack(system.account, physical, template, f"{system.name}-{tenant}")


def tries(system: Stack) -> list[Try]:
    """What the role of a tenant tries on others, and everybody on keys."""
    others = [Try(ROLE, each.fault, each.need) for other in OTHERS for each in catalogue(system, other)]
    return [*others, *_own(system), *_keys(system)]


def _own(system: Stack) -> Iterator[Try]:
    """What the role is for; and what of the tenant's own is not its people's to do."""
    data, artifacts = system.arn("DataBucket"), system.arn("ArtifactBucket")
    endpoint = f"arn:aws:sagemaker:{REGION}:{system.account}:endpoint/{OWN}-iris"
    yield Try(ROLE, "S01", need("s3:PutObject", f"{data}/{OWN}/iris/incoming/may.csv"), ours=True)
    yield Try(ROLE, "S01", need("s3:GetObject", f"{artifacts}/{OWN}/iris/runs/x/card.html"), ours=True)
    yield Try(ROLE, "S01", need("s3:ListBucket", data, s3__prefix=f"{OWN}/iris/"), ours=True)
    yield Try(ROLE, "S04", need("sagemaker:InvokeEndpoint", endpoint), ours=True)
    for action in ("PutObject", "DeleteObject"):
        yield Try(ROLE, "S13", need(f"s3:{action}", f"{artifacts}/{OWN}/iris/runs/x/card.html"))
    yield Try(ROLE, "S13", need("s3:DeleteObjectVersion", f"{data}/{OWN}/iris/incoming/may.csv"))
    for action in ("ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy", "CreateGrant"):
        yield Try(ROLE, "S05", need(f"kms:{action}", f"arn:aws:kms:{REGION}:{system.account}:key/of-{OWN}"))
    for action in ("DeleteEndpoint", "UpdateEndpoint"):
        yield Try(ROLE, "S04", need(f"sagemaker:{action}", endpoint))


def _keys(system: Stack) -> Iterator[Try]:
    via, place = f"s3.{REGION}.amazonaws.com", f"{system.arn('DataBucket')}/%s/iris/incoming/may.csv"

    def using(who: str, key: str, of: str, ours: bool = False, **changes: str | None) -> Iterator[Try]:
        context = {"kms:ViaService": via, "kms:EncryptionContext:aws:s3:arn": place % of, **changes}
        given = {name: value for name, value in context.items() if value is not None}
        arn = f"arn:aws:kms:{REGION}:{system.account}:key/of-{key}"
        for action in ("Decrypt", "GenerateDataKey"):
            yield Try(who, "S05", needed(f"kms:{action}", arn, given), ours)

    for who in (ROLE, "anybody"):
        yield from using(who, OWN, OWN, ours=True)
        yield from using(who, OWN, OTHERS[0])  # the right key, another's object
        yield from using(who, OWN, OTHERS[1])
        yield from using(who, OWN, OWN, **{"kms:ViaService": None})  # by itself, not through S3
        yield from using(who, OWN, OWN, **{"kms:ViaService": f"sqs.{REGION}.amazonaws.com"})
        yield from using(who, OWN, OWN, **{"kms:EncryptionContext:aws:s3:arn": None})
    yield from using(ROLE, OTHERS[0], OTHERS[0])  # another's key, their own object
    yield from using(ROLE, OTHERS[0], OWN)
    yield from using("anybody", OTHERS[0], OWN)
    alarms = f"arn:aws:kms:{REGION}:{system.account}:key/of-{OWN}"
    for account in (system.account, "999999999999"):
        wanted = need("kms:GenerateDataKey", alarms, aws__SourceAccount=account)
        yield Try("cloudwatch.amazonaws.com", "S07", wanted, account == system.account)
        yield Try("ec2.amazonaws.com", "S07", wanted)


def wrong(referee: Referee, system: Stack, own: Stack, made: Iterable[Try]) -> list[tuple[Try, str]]:
    """The tries that end otherwise than they should, with a tenant's own stack as it is given."""
    referee.know({"anybody": ANYBODY})
    listed, carried = list(made), identity(referee, own, ROLE)
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
        policies = () if service else ("anybody",) if each.who == "anybody" else carried
        who = each.who if service else f"role/{each.who}"
        questions.append(Question(each.need, system.account, policies, None, None, named, who))
    answers = referee.judge(questions)
    return [
        (each, answer.result)
        for each, answer in zip(listed, answers, strict=True)
        if answer.allowed != each.ours or answer.senseless
    ]
