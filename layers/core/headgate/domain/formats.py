"""Compression as a challenger: which format of the engine's network serves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.domain.evidence import interval_of, number

FLOAT32 = "float32"
PRUNED = "pruned"
COMPRESSED = ("float16", "dynamic", "int8", PRUNED)
FASTER = 0.9
"""Latency has to fall to this share: p50 of the same model varies by some percent from measurement to measurement."""
MICROSECONDS = 50.0
"""And by so much: what is saved in the engine has to be seen behind the request's own way, about a millisecond."""
MATTERS_BYTES = 10 * 2**20
"""Size alone is a cost only from here on: below, an instance's memory and the time to load do not feel it."""
SMALLER = 0.75


@dataclass(frozen=True, slots=True)
class Chosen:
    """A format by name, and what it bought."""

    name: str
    why: str


def choose_format(formats: Sequence[Mapping[str, Any]], margin: float) -> Chosen:
    """The format that serves: float32, unless a compressed one is as good and truly faster or smaller.

    As good: its difference to float32 surely lies above minus `margin` of float32's metric. Faster: see FASTER and
    MICROSECONDS. Smaller counts where float32 has MATTERS_BYTES, if the format is not slower. What is not a finite
    number speaks for no format. The pruned one, which has an archive of its own, must not be slower as SavedModel, and
    comes before the others: it alone is smaller in TensorFlow Serving, too. Of several others the fastest serves, then
    the smallest.
    """
    by_name = {str(entry.get("name")): entry for entry in formats}
    plain = by_name.get(FLOAT32, {})
    value, micros, size = (number(plain.get(name)) for name in ("value", "p50_microseconds", "bytes"))
    if value is None or micros is None or size is None:
        return Chosen(FLOAT32, "")
    gains: list[tuple[bool, float, float, str, str]] = []
    for name in COMPRESSED:
        entry = by_name.get(name, {})
        own_micros, own_size = number(entry.get("p50_microseconds")), number(entry.get("bytes"))
        if (
            own_micros is None
            or own_size is None
            or own_micros < 0
            or own_size < 0
            or not _as_good(entry, value, margin)
            or (name == PRUNED and not _quick_in_tensorflow(entry, plain))
        ):
            continue
        faster = own_micros <= FASTER * micros and micros - own_micros >= MICROSECONDS
        smaller = size >= MATTERS_BYTES and own_size <= SMALLER * size and own_micros <= micros
        if faster or smaller:
            why = f"{name} serves: as good as float32 within the margin, {own_micros:.0f} instead of {micros:.0f} "
            why += f"microseconds, {size_text(own_size)} instead of {size_text(size)}."
            gains.append((name != PRUNED, own_micros, own_size, name, why))
    if gains:
        *_, name, why = min(gains)
        return Chosen(name, why)
    return Chosen(FLOAT32, "float32 serves: no compressed format is as good and truly faster or smaller.")


def engine_of(name: str) -> str:
    """Which of an archive's engines serves a format: a pruned version is an archive of its own, and float32 in it."""
    return FLOAT32 if name == PRUNED else name


def bought(formats: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any] | None:
    """What a compressed format that serves is worth beside float32, for the record; None for float32 itself.

    `before` and `after` have `bytes`, `p50_microseconds` and `value` of the metric, `difference` is oriented so that
    more is better.
    """
    by_name = {str(entry.get("name")): entry for entry in formats}
    if name == FLOAT32 or name not in by_name or FLOAT32 not in by_name:
        return None
    before, after = (
        {key: number(by_name[each].get(key)) for key in ("bytes", "p50_microseconds", "value")}
        for each in (FLOAT32, name)
    )
    return {"before": before, "after": after, "difference": by_name[name].get("difference")}


def _quick_in_tensorflow(entry: Mapping[str, Any], plain: Mapping[str, Any]) -> bool:
    own, whole = (number(each.get("saved_model_microseconds")) for each in (entry, plain))
    return own is not None and whole is not None and own <= whole


def _as_good(entry: Mapping[str, Any], value: float, margin: float) -> bool:
    if entry.get("skipped") is not None or entry.get("difference") is None:
        return False
    return interval_of(entry["difference"], "a format's difference").low > -margin * abs(value)


def size_text(size: float) -> str:
    """So many bytes as people read them: 3.4 MB, 12 KB."""
    return f"{size / 2**20:.1f} MB" if size >= 2**20 else f"{size / 2**10:.0f} KB"
