"""The data of a batch transform: an object becomes requests, and their answers become an object again."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from headgate_local.api.records import Record
from headgate_local.sagemaker.jobs.json_path import JsonPath, PathError

MEGABYTE = 1024 * 1024
DEFAULT_PAYLOAD = 6
"""MaxPayloadInMB if the request does not say."""


class DataError(Exception):
    """Raised when data does not fit what the job asks to be done with it; the message is the FailureReason's."""


class CsvRow(list[str]):
    """A row of CSV, to tell it from a JSON array."""


@dataclass
class Payload:
    """What is sent in one request, and the records that it was made of."""

    body: bytes = b""
    records: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Format:
    """What a job's TransformInput, TransformOutput and DataProcessing say of its data."""

    content_type: str
    accept: str
    by_line: bool
    several: bool
    """Whether a request may hold several records."""
    largest: float
    """Bytes of a request's body."""
    end: bytes
    """What follows each answer in the output."""
    input_filter: JsonPath
    output_filter: JsonPath
    joins: bool

    @classmethod
    def of(cls, request: Record) -> "Format":
        """Of a CreateTransformJob; raises PathError."""
        given, wanted, data = request["TransformInput"], request["TransformOutput"], request.get("DataProcessing", {})
        megabytes = request.get("MaxPayloadInMB", DEFAULT_PAYLOAD)
        return cls(
            content_type=given.get("ContentType", ""),
            accept=wanted.get("Accept", ""),
            by_line=given.get("SplitType", "None") == "Line",
            several=request.get("BatchStrategy", "MultiRecord") == "MultiRecord",
            largest=megabytes * MEGABYTE or float("inf"),
            end=b"\n" if wanted.get("AssembleWith") == "Line" else b"",
            input_filter=JsonPath(data.get("InputFilter", "$")),
            output_filter=JsonPath(data.get("OutputFilter", "$")),
            joins=data.get("JoinSource", "None") == "Input",
        )

    @property
    def processes(self) -> bool:
        """Whether answers are joined or filtered, for which they must be read."""
        return self.joins or not self.output_filter.selects_all

    def payloads(self, content: bytes) -> Iterator[Payload]:
        """The requests for an object; raises DataError for a record larger than a request may be."""
        payload = Payload()
        for record in self._records(content):
            sent = self._filtered(record)
            if len(sent) > self.largest:
                raise DataError("A record is larger than MaxPayloadInMB.")
            joined = payload.body + b"\n" + sent if payload.records else sent
            if payload.records and (not self.several or len(joined) > self.largest):
                yield payload
                payload, joined = Payload(), sent
            payload.body = joined
            payload.records.append(record)
        if payload.records:
            yield payload

    def output(self, payload: Payload, answer: bytes) -> bytes:
        """What goes into the output object for one answer; raises DataError if it cannot be joined or filtered."""
        if not self.processes:
            return answer + self.end
        answers = [answer] if len(payload.records) == 1 else answer.splitlines()
        if len(answers) != len(payload.records):
            raise DataError("Fail to join data: mismatched line count between the input and the output")
        pairs = zip(payload.records, answers, strict=True)
        return b"".join(self._joined(record, each) + self.end for record, each in pairs)

    def _records(self, content: bytes) -> list[bytes]:
        if not self.by_line:
            return [content]
        return [line for line in content.splitlines() if line.strip()]

    def _filtered(self, record: bytes) -> bytes:
        if self.input_filter.selects_all:
            return record
        return _written(
            self._select(self.input_filter, self._read(record, self.content_type)), _is_csv(self.content_type)
        )

    def _joined(self, record: bytes, answer: bytes) -> bytes:
        value = self._read(answer, self.accept or self.content_type)
        if self.joins:
            value = _join(self._read(record, self.content_type), value)
        return _written(self._select(self.output_filter, value), isinstance(value, CsvRow))

    @staticmethod
    def _select(path: JsonPath, value: Any) -> Any:
        try:
            return path.select(value)
        except PathError as error:
            raise DataError(str(error)) from error

    @staticmethod
    def _read(text: bytes, content_type: str) -> Any:
        kind = "CSV" if _is_csv(content_type) else "JSON"
        try:
            decoded = text.decode("utf-8")
            if kind == "CSV":
                return CsvRow(cell for row in csv.reader(io.StringIO(decoded)) for cell in row)
            return json.loads(decoded)
        except (ValueError, csv.Error) as error:
            raise DataError(f"Fail to join data: a record or an answer is not {kind}: {error}") from error


def _is_csv(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "text/csv"


def _join(record: Any, answer: Any) -> Any:
    """An answer with the record that it answers: of CSV one row, of JSON an object."""
    if isinstance(record, CsvRow):
        return CsvRow([*record, *(answer if isinstance(answer, CsvRow) else [json.dumps(answer)])])
    if isinstance(record, dict):
        return {**record, "SageMakerOutput": answer}
    return {"SageMakerInput": record, "SageMakerOutput": answer}


def _written(value: Any, as_csv: bool) -> bytes:
    if not as_csv:
        return json.dumps(value, separators=(",", ":")).encode()
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(value if isinstance(value, list) else [value])
    return text.getvalue().encode()
