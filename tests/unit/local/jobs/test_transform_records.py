"""Objects become requests, and answers become objects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate_local.sagemaker.jobs.transform_records import DataError, Format

LINES = st.lists(st.binary(min_size=1, max_size=30).filter(lambda line: line.split() == [line]), max_size=40)


def format_of(
    split: str = "Line",
    strategy: str = "MultiRecord",
    content_type: str = "text/csv",
    accept: str = "",
    assemble: str = "Line",
    megabytes: int = 6,
    **processing: str,
) -> Format:
    return Format.of(
        {
            "TransformInput": {"SplitType": split, "ContentType": content_type},
            "TransformOutput": {"AssembleWith": assemble, **({"Accept": accept} if accept else {})},
            "BatchStrategy": strategy,
            "MaxPayloadInMB": megabytes,
            "DataProcessing": processing,
        }
    )


@given(LINES, st.integers(30, 100))
def test_no_line_is_lost_and_no_request_too_large(lines, largest) -> None:
    data = format_of()
    object.__setattr__(data, "largest", largest)
    payloads = list(data.payloads(b"\n".join(lines)))
    assert [record for payload in payloads for record in payload.records] == lines
    assert b"\n".join(payload.body for payload in payloads) == b"\n".join(lines)
    assert all(len(payload.body) <= largest for payload in payloads)


def test_a_single_record_is_a_request() -> None:
    assert [payload.body for payload in format_of(strategy="SingleRecord").payloads(b"1\n\n2\r\n3")] == [
        b"1",
        b"2",
        b"3",
    ]


def test_an_object_that_is_not_split_is_one_request() -> None:
    assert [payload.body for payload in format_of(split="None").payloads(b"1\n2\n")] == [b"1\n2\n"]


def test_a_record_larger_than_a_request_is_refused() -> None:
    with pytest.raises(DataError, match="MaxPayloadInMB"):
        list(format_of(megabytes=1).payloads(b"x" * 1_048_577))


def test_no_largest_size_is_no_bound() -> None:
    assert len(list(format_of(megabytes=0).payloads(b"x" * 20_000_000))) == 1


def answered(data: Format, content: bytes, answer: bytes) -> bytes:
    (payload,) = data.payloads(content)
    return data.output(payload, answer)


def test_answers_are_kept_as_they_are_without_processing() -> None:
    assert answered(format_of(), b"1,2", b"{not json") == b"{not json\n"
    assert answered(format_of(assemble="None"), b"1,2", b"yes") == b"yes"


def test_rows_of_csv_are_joined_with_their_answers() -> None:
    data = format_of(JoinSource="Input", OutputFilter="$[0,-1]", InputFilter="$[1:]")
    (payload,) = data.payloads(b'id-1,2,"a,b"\nid-2,3,c')
    assert payload.body == b'2,"a,b"\n3,c'
    assert data.output(payload, b"0.5\n0.7") == b"id-1,0.5\nid-2,0.7\n"


def test_json_is_joined_below_a_name_of_its_own() -> None:
    data = format_of(content_type="application/jsonlines", JoinSource="Input", strategy="SingleRecord")
    assert answered(data, b'{"a": 1}', b"[2]") == b'{"a":1,"SageMakerOutput":[2]}\n'
    assert answered(data, b"[1]", b"2") == b'{"SageMakerInput":[1],"SageMakerOutput":2}\n'


def test_json_answers_to_csv_are_a_cell() -> None:
    data = format_of(accept="application/json", JoinSource="Input", strategy="SingleRecord")
    assert answered(data, b"1,2", b'{"a": 1}') == b'1,2,"{""a"": 1}"\n'


@pytest.mark.parametrize(("answer", "words"), [(b"no json", "not JSON"), (b"[]", "nothing at")])
def test_answers_that_cannot_be_filtered_are_refused(answer, words) -> None:
    data = format_of(content_type="application/json", split="None", OutputFilter="$.label")
    with pytest.raises(DataError, match=words):
        answered(data, b"{}", answer)


def test_fewer_answers_than_rows_cannot_be_joined() -> None:
    with pytest.raises(DataError, match="mismatched line count"):
        answered(format_of(JoinSource="Input"), b"1\n2", b"1")
