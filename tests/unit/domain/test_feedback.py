"""Files of labels: what is read of them, and what is said where they are wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.errors import FeedbackError
from headgate.domain.feedback import check_labels, read_labels

IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='#"'), min_size=1, max_size=64)


@pytest.mark.parametrize(
    "body",
    [
        b"id,label\na#2,yes\nb,no\n",
        b"ward;Label;ID\nx;yes;a#2\ny;no;b#1\n",
        b'\xef\xbb\xbfid\tlabel\r\n"a#2"\tyes\r\n\r\nb\tno\r\n',
        b'{"id": "a#2", "label": "yes", "ward": 1}\n\n{"id": "b", "label": "no"}',
    ],
    ids=["comma", "semicolon", "tab", "json"],
)
def test_files_of_every_form_say_the_same(body: bytes) -> None:
    assert read_labels(body) == {("a", 2): "yes", ("b", 1): "no"}


@given(st.lists(st.tuples(IDS, st.integers(1, 3), st.sampled_from(["yes", "no"])), min_size=1))
def test_the_last_label_of_a_row_counts(rows: list[tuple[str, int, str]]) -> None:
    lines = [json.dumps({"id": f"{name}#{number}", "label": label}) for name, number, label in rows]
    assert read_labels("\n".join(lines).encode()) == {(name, number): label for name, number, label in rows}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "columns"),
        (b"id,label\n", "no label in the file"),
        (b"row,label\n1,yes\n", 'columns "id" and "label"'),
        (b"id,label\na,yes,no\n", "Line 2 has 3 values"),
        (b'id,label\na,"yes\n', "not CSV"),
        (b"id,label\n,yes\n", "Line 2 has no id"),
        (b"id,label\na,\n", "Line 2 has no label"),
        (b"id,label\n" + b"a" * 65 + b",yes\n", "line 2 is longer than the 64"),
        (b'{"id": "a", "label": "yes"}\n[1]', "Line 2 is not a JSON object"),
        (b'{"id": 7, "label": "yes"}', "Line 1 has no id"),
        (b'{"id": "a", "label": null}', "Line 1 has no label"),
        (b"id,label\na,\xff\n", "not UTF-8"),
    ],
)
def test_a_wrong_file_is_told_what_is_wrong(body: bytes, said: str) -> None:
    with pytest.raises(FeedbackError, match=said):
        read_labels(body)


def test_labels_of_json_are_read_as_the_models_classes_are_written() -> None:
    body = b'{"id": "a", "label": true}\n{"id": "b", "label": 3}\n{"id": "c", "label": 3.5}'
    assert list(read_labels(body).values()) == ["true", "3", "3.5"]


@pytest.mark.parametrize(
    ("label", "classes", "said"),
    [
        ("maybe", ["yes", "no"], "none of the model's classes: yes, no"),
        ("much", None, "no number"),
        ("nan", None, "no"),
    ],
)
def test_a_label_that_the_model_never_tells_is_refused(label: str, classes: list[str] | None, said: str) -> None:
    with pytest.raises(FeedbackError, match=said) as refused:
        check_labels({("a", 1): label}, classes)
    assert label not in str(refused.value).replace("number", "").split("classes")[0]


def test_labels_that_the_model_may_tell_are_taken() -> None:
    check_labels({("a", 1): "yes"}, ["yes", "no"])
    check_labels({("a", 1): "-1e3"}, None)
