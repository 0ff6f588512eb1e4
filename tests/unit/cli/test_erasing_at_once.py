"""`headgate erase` beside another call of it, and after one that was killed."""

import re
from typing import Any

from .clinic import FOLDER, WHO, Erase, Open


def test_two_at_once_do_not_write_anew_what_the_other_took_out(erase: Erase, open_clinic: Open) -> None:
    clinic = open_clinic(a=FOLDER)
    others: list[dict[str, Any]] = []

    def meanwhile(params: dict[str, Any], **_: Any) -> None:
        """When the first one has read what it writes anew, another subject's is called."""
        if not others and params["Key"].endswith("train.parquet"):
            others.append({})
            others.append(erase(clinic, value="p2", code=5))

    clinic.s3.meta.events.register("provide-client-params.s3.PutObject", meanwhile)
    told = erase(clinic)
    assert re.match(r"An erasure that user/.* began at 2.* has not ended\. Nothing was changed", others[1]["error"])
    assert told["rows"] == 6
    assert erase(clinic, value="p2")["rows"] == 2
    left = clinic.everything().values()
    assert not [body for body in left if WHO.encode() in body or b"p2,42" in body]


def test_what_another_call_did_since_the_look_makes_it_worthless(erase: Erase, open_clinic: Open) -> None:
    clinic = open_clinic(a=FOLDER)
    others: list[dict[str, Any]] = []

    def meanwhile(params: dict[str, Any], **_: Any) -> None:
        """When the first one has looked, another subject's begins and ends."""
        if not others and b"erasure begun" in params["body"]:
            others.append({})
            others.append(erase(clinic, value="p2"))

    clinic.cloud.client("dynamodb").meta.events.register("before-call.dynamodb.TransactWriteItems", meanwhile)
    assert "an erasure meanwhile. Nothing was changed" in erase(clinic, code=5)["error"]
    assert others[1]["rows"] == 3
    erase(clinic)
    assert not [body for body in clinic.everything().values() if WHO.encode() in body or b"p2,42" in body]


def test_what_was_cut_off_and_could_not_say_so_is_taken_over(erase: Erase, open_clinic: Open) -> None:
    clinic = open_clinic()

    def cut_off(params: dict[str, Any], **_: Any) -> None:
        if b"erasure begun" not in params["body"]:
            raise RuntimeError("The connection is gone.")

    events, operation = clinic.cloud.client("dynamodb").meta.events, "before-call.dynamodb.TransactWriteItems"
    events.register(operation, cut_off)
    erase(clinic, code=None)
    events.unregister(operation, cut_off)
    assert "add --take-over" in erase(clinic, code=5)["error"]
    assert erase(clinic, "--take-over")["datasets"] == ["a", "b"]
    assert not [body for body in clinic.everything().values() if WHO.encode() in body]
