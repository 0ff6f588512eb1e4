"""What must be true of every release, whatever died on its way. The numbers are those of the catalogue of faults."""

import json
from collections.abc import Mapping
from typing import Any

from headgate.aws.audit import of_item
from headgate.aws.items import as_values
from headgate.domain.alarms import alarm_names
from headgate.domain.audit import TrailHead, difference, flaws
from headgate.domain.incidents import is_incident
from headgate.domain.keys import holder_key
from headgate.domain.rollout import Wishes
from headgate.domain.runs import OUTCOMES
from headgate.domain.standing_alarms import Patience, standing_alarms
from headgate.domain.trial import config_of

from .account import Account
from .road import IRIS, OWNER, Road

_MOVES = {
    "PLANNED": {"TRYING", "DEPLOYING", "FAILED", "HELD", "IN_SERVICE"},
    "TRYING": {"PLANNED", "FAILED", "HELD"},
    "DEPLOYING": {"IN_SERVICE", "FAILED"},
    "IN_SERVICE": {"RETIRED"},
    "RETIRED": set(),
    "FAILED": set(),
    "HELD": set(),
}
SCALING = {"RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy"}
_UNTOLD = {"pk", "sk", "revision", "approval", "trial"}
"""What is no decision: who waits for a word, and what a trial has seen so far."""
CHANGES = {"CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint"}


_KEPT = 4096
_read: dict[int, tuple[Mapping[str, Any], dict[str, Any]]] = {}


def values_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """What an item of an account says. Items are replaced and never changed, so each is read once, by its identity."""
    known = _read.get(id(item))
    if known is None or known[0] is not item:
        if len(_read) >= _KEPT:
            _read.clear()
        known = _read[id(item)] = (item, as_values(item))
    return known[1]


def releases_of(account: Account) -> list[dict[str, Any]]:
    """Every release in the ledger, the oldest first."""
    return [values_of(account.items[key]) for key in sorted(account.items) if key[1].startswith("RELEASE#")]


def holder_of(release: dict[str, Any]) -> str:
    """In whose name the endpoint is changed for a release."""
    return str(release["incident"] or release["run"])


def _lease(account: Account) -> dict[str, Any]:
    return values_of(account.items.get((f"ENDPOINT#{IRIS.endpoint}", "OWNER"), {}))


def watch(account: Account, operation: str, given: dict[str, Any]) -> None:
    """What must be true before each call (S): intent is written first, and one writer alone changes the endpoint."""
    if operation == "CreateModel":
        assert given["ModelName"] in {each["name"] for each in releases_of(account)}, "I13: a model of no release"
    if operation in CHANGES:
        lease = _lease(account)
        if operation == "UpdateEndpoint" and _goes_back(account, given["EndpointConfigName"]):
            return
        [held] = [each for each in releases_of(account) if holder_of(each) == lease["holder"]] or [None]
        if held is None and operation == "DeleteEndpoint":
            _is_taken_out_of_service(account, lease["holder"])
            return
        assert held is not None, f"I06: {operation} by one who does not hold the endpoint"
        assert held["state"] in ("TRYING", "DEPLOYING"), f"I13: {operation} of a release that is {held['state']}"
        if held["state"] == "TRYING":
            trial = held["trial"]
            wanted = (trial["before"],) if trial["stand"] != "watching" else (trial["config"], trial["before"])
            assert given["EndpointConfigName"] in wanted, "a trial comes, and goes, and does nothing else"
        elif operation != "DeleteEndpoint":
            assert given["EndpointConfigName"] == held["name"], "I06: a release of another than the holder"
            model = account.models[held["name"]]["PrimaryContainer"]["ModelDataUrl"]
            assert model == held["model_data_url"], "I03: another artifact than the one that was judged"
    if operation == "UpdateEndpointWeightsAndCapacities":
        lease = _lease(account)
        [held] = [each for each in releases_of(account) if holder_of(each) == lease["holder"]]
        assert (held["state"], held["trial"]["stand"]) == ("TRYING", "failed"), "I06: weights of what is not worse"
        [change] = given["DesiredWeightsAndCapacities"]
        assert change == {"VariantName": "challenger", "DesiredWeight": 0.0}, "what serves loses its requests"
    if operation == "UpdateEndpoint" and account.target is not None:
        assert account.target["SuspendedState"]["DynamicScalingInSuspended"], (
            "I25: it may be scaled in while it changes"
        )
    if operation in {"DeleteModel", "DeleteEndpointConfig"}:
        name = given.get("ModelName") or given["EndpointConfigName"]
        there = account.endpoint or {}
        assert name not in (there.get("EndpointConfigName"), there.get("goal")), "P09: what serves is deleted"


def _goes_back(account: Account, config: str) -> bool:
    """Whether the requests go back to what served before from a release that serves, and showed not to do well."""
    newest = releases_of(account)[-1]
    serves = newest["state"] == "DEPLOYING" and account.endpoint and account.endpoint["EndpointConfigName"]
    condemned = (newest["verdict"] or {}).get("stand") in ("failed", "held")
    return serves == newest["name"] and condemned and newest["plan"]["back_to"] == config


def _is_taken_out_of_service(account: Account, holder: str) -> None:
    [champion] = [each for each in releases_of(account) if each["state"] == "IN_SERVICE"]
    assert (champion["condemned"] or {}).get("incident") == holder, "I13: what serves is deleted without a word"


def moved(before: dict[tuple[str, str], Any], after: dict[tuple[str, str], Any]) -> None:
    """What one call may change (S): endings stay as they are, and releases go the declared ways only."""
    for key, item in before.items():
        if after[key] is item:
            continue
        was, now = values_of(item), values_of(after[key])
        if key[1].startswith("RUN#"):
            assert was["state"] not in OUTCOMES, f"I02: the ending of {key[1]} changed"
        if key[1].startswith("RELEASE#"):
            assert now["state"] == was["state"] or now["state"] in _MOVES[was["state"]], f"I02: {was} became {now}"
            assert was.get("outcome") in (None, now["outcome"]), f"I02: {key[1]} was settled twice"
        if key[1] == "PROJECT" and was["champion"] and now["champion"] != was["champion"]:
            assert now["champion"]["sequence"] > was["champion"]["sequence"], "I09: an older one took a newer's place"


def at_rest(start: Account, road: Road, crashes: int) -> None:
    """What must be true when everything has come to rest (Q)."""
    account, releases = road.account, releases_of(road.account)
    _ledger_is_the_endpoint(account, releases)
    _every_run_ended_once(account, road)
    _the_trail_tells_all(start, road)
    lease = _lease(account)
    assert (lease.get("holder"), lease.get("token"), lease.get("waiting")) == (None, None, None), f"I10: {lease}"
    tries = account.made["UpdateEndpoint"] + account.made["CreateEndpoint"]
    wanted = len(road.scenario.runs) + len(road.scenario.incidents) + 2 * sum(bool(each["trial"]) for each in releases)
    wanted += sum((each["verdict"] or {}).get("stand") in ("failed", "held") for each in releases)
    assert tries <= wanted + crashes, f"I07: {tries} changes of the endpoint"
    if start.endpoint and account.endpoint and start.endpoint["EndpointStatus"] == "InService":
        assert account.endpoint["instances"] >= start.endpoint["instances"], "I25: less capacity than before"
    names = {each["name"] for each in releases}
    assert set(account.models) <= names, f"a model that no release knows: {account.models.keys() - names}"
    names |= {config_of(each["name"]) for each in releases if each["rollout"]["strategy"] in ("shadow", "ab")}
    assert set(account.configs) <= names, f"a configuration that no release knows: {account.configs.keys() - names}"
    assert account.tokens == {}, f"nobody waits, but tokens are open: {account.tokens}"
    head = values_of(account.items[f"{IRIS.tenant}#{IRIS.name}", "PROJECT"])
    if road.scenario.runs:
        assert (head["active"], head["waiting"]) == ("demo-iris-z", None), "I26: the next dataset has not begun"
        assert account.executions["demo-iris-z"] == "RUNNING", "I26: the next dataset has no execution"


def _ledger_is_the_endpoint(account: Account, releases: list[dict[str, Any]]) -> None:
    head = values_of(account.items[f"{IRIS.tenant}#{IRIS.name}", "PROJECT"])
    champion = (head.get("champion") or {}).get("sequence")
    serving = [each for each in releases if each["state"] == "IN_SERVICE"]
    assert [each["sequence"] for each in serving] == ([champion] if champion else []), "I04: the champion is not one"
    assert not [each for each in releases if each["state"] in ("PLANNED", "TRYING", "DEPLOYING")], (
        "Q: a release is left open"
    )
    there = account.endpoint
    if there is not None and there["EndpointStatus"] == "InService":
        assert champion is not None, "I04: something serves that the ledger does not know"
        assert there["EndpointConfigName"] == serving[0]["name"], "I04: what serves is not the champion"
        assert account.models[serving[0]["name"]]["PrimaryContainer"]["ModelDataUrl"] == serving[0]["model_data_url"]
        assert {"Key": "headgate:ledger", "Value": OWNER} in account.endpoint_tags
        assert set(alarm_names(serving[0]["name"])) <= set(account.alarms), "what serves has no alarms"
        standing, drift = standing_alarms(serving[0]["name"], IRIS, Wishes(), Patience(), "ml.m5.large")
        assert {drift.name, *(alarm.name for alarm in standing)} <= set(account.alarms), "what serves is not watched"
        _it_scales(account, there)
        if (word := serving[0]["condemned"]) is not None:
            incident = values_of(account.items[f"{IRIS.tenant}#{IRIS.name}", f"INCIDENT#{word['incident']}"])
            assert incident["outcome"] == "FAILED", "I05: what serves is condemned, and nobody is told"
    good = [each for each in releases if each["state"] == "RETIRED" and each["condemned"] is None]
    for each in good[-3:]:
        kept = each["name"] in account.models and each["name"] in account.configs
        assert kept, f"I05: release {each['sequence']} cannot be gone back to"
    if releases and releases[-1]["state"] == "IN_SERVICE":
        left = {each["name"] for each in good[:-3]} & (account.models.keys() | account.configs.keys())
        assert not left, f"older releases are left behind: {left}"


def _the_trail_tells_all(start: Account, road: Road) -> None:
    """The trail holds together, and whoever reads what it says since the start knows what the ledger holds."""
    pk, account = f"{IRIS.tenant}#{IRIS.name}", road.account
    entries = [of_item(account.items[key]) for key in sorted(account.items) if key[1].startswith("AUDIT#")]
    head = values_of(account.items[pk, "AUDIT"])
    assert flaws(pk, entries, TrailHead(head["sequence"], head["hash"])) == [], "I14: the trail is broken"
    known = {key[1]: dict(values_of(item)) for key, item in start.items.items() if key[0] == pk}
    for entry in entries[values_of(start.items.get((pk, "AUDIT"), {})).get("sequence", 0) :]:
        for change in json.loads(entry.text)["changes"]:
            there = known.setdefault(change["of"], {})
            was = {name: there[name] for name in change["after"] if there.get(name) is not None}
            told = {name: value for name, value in change["before"].items() if value is not None}
            assert _told(was) == told, f"I14: {change['of']} was something else before"
            there.update(change["after"])
    for (partition, name), item in account.items.items():
        if partition == pk and name.startswith(("PROJECT", "RUN#", "RELEASE#", "INCIDENT#")):
            held = {key: value for key, value in values_of(item).items() if key not in _UNTOLD}
            said = {key: value for key, value in known[name].items() if key not in _UNTOLD}
            assert _told(held) == _told(said), f"I14: the trail does not tell what became of {name}"


def _told(values: Mapping[str, Any]) -> Any:
    found = difference("", {}, {name: value for name, value in values.items() if value is not None})
    return found.after if found is not None else {}


def _it_scales(account: Account, there: dict[str, Any]) -> None:
    target = account.target
    assert target is not None, "I25: what serves is not scaled"
    assert target["policy"] == "headgate-requests", "I25: what serves follows no policy"
    assert not target["SuspendedState"]["DynamicScalingInSuspended"], "I25: scaling in is still suspended"
    assert target["MinCapacity"] <= there["instances"] <= target["MaxCapacity"], "I25: the count is out of bounds"


def _every_run_ended_once(account: Account, road: Road) -> None:
    releases = {each["sequence"]: each for each in releases_of(account)}
    for promotion in road.promotions:
        if is_incident(promotion.name):
            _an_incident_is_closed(account, promotion.name, releases)
            continue
        run = values_of(account.items[f"{IRIS.tenant}#{IRIS.name}", f"RUN#{promotion.name}"])
        assert run["state"] in OUTCOMES, f"I01: {promotion.name} is {run['state']}"
        if run.get("release") is None:
            assert run["state"] != "PROMOTED", "I03: promoted without a release"
            continue
        assert releases[run["release"]]["outcome"] == run["state"], "I04: run and release end differently"
    assert len({holder_of(each) for each in releases.values()}) == len(releases), "I01: a run has two releases"


def _an_incident_is_closed(account: Account, name: str, releases: dict[int, dict[str, Any]]) -> None:
    incident = values_of(account.items[f"{IRIS.tenant}#{IRIS.name}", f"INCIDENT#{name}"])
    assert (incident["state"], bool(incident["outcome"])) == ("CLOSED", True), f"I01: {name} is {incident['state']}"
    assert incident["decided_at"] or incident["outcome"] == "FAILED", "C20: done before it was decided"
    if incident["outcome"] == "REPAIRED":
        made = releases[incident["rollback"]]
        assert (made["outcome"], made["repeats"]) == ("PROMOTED", incident["release"]), "I04: another one serves"
        assert made["capacity_after"] >= made["instance_count"], "I25: less capacity than before"
        assert releases[incident["release"]]["condemned"] is None, "what failed is the endpoint, not the version"
    if incident["outcome"] == "ROLLED_BACK" and incident["rollback"] is None:
        left = releases[incident["release"]]
        assert (left["reason_code"], left["in_service_at"]) == ("TAKEN_BACK", None), "I04: it took over all the same"
        assert (incident["kind"], left["verdict"]["by"]) == ("by-hand", incident["by"]), "I13: nobody asked for it"
    elif incident["outcome"] == "ROLLED_BACK":
        made = releases[incident["rollback"]]
        assert made["outcome"] == "PROMOTED", "I04: incident and release end differently"
        assert releases[incident["release"]]["condemned"]["incident"] == name, "what was left may come back"
        assert made["version"] != releases[incident["release"]]["version"], "I05: it went back to what it left"
        assert made["repeats"] < incident["release"], "I08: a rollback to something newer"


def ending_of(road: Road) -> dict[str, str]:
    """How each run, and each incident, of the scenario ended (I12)."""
    pk, items = f"{IRIS.tenant}#{IRIS.name}", road.account.items
    found = {each.name: values_of(items[pk, holder_key(each.name)]) for each in road.promotions}
    return {name: str(item["outcome"] if is_incident(name) else item["state"]) for name, item in found.items()}
