"""project.yaml: what is allowed, how it is refused, and that its page is true."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.domain.errors import SettingsError
from headgate.domain.gate import GatePolicy
from headgate.domain.names import MAX_SETTINGS_BYTES
from headgate.domain.project import ProjectSettings
from headgate.domain.project_file import describe_settings, parse_settings

PAGE = Path(__file__).resolve().parents[3] / "docs" / "project-settings.md"


def test_nothing_is_required() -> None:
    assert parse_settings(b"") == parse_settings(b"# only a comment\n") == ProjectSettings()


def test_every_key_is_read() -> None:
    settings = parse_settings(
        b"target: diagnosis\ntask: binary\nmetric: auc\npositive: malignant\n"
        b"columns: {ward: categorical, name: drop}\nidentity: [patient]\ntrusted: [radius]\nmin_rows: 100\n"
        b"gate: {min_improvement: 0.01, min_test_rows: 50}\n"
        b"training: {epochs: 20, batch_size: 64, learning_rate: 0.001, hidden_units: 32, dropout: 0.1, seed: 3,"
        b" instance_type: ml.c5.xlarge}\n"
        b"endpoint: {instance_type: ml.t2.medium, instance_count: 2}\n"
    )
    assert settings.columns == {"ward": "categorical", "name": "drop"}
    assert settings.training.hyperparameters() == {
        "epochs": "20",
        "batch_size": "64",
        "learning_rate": "0.001",
        "hidden_units": "32",
        "dropout": "0.1",
        "seed": "3",
    }
    assert settings.endpoint.instance_count == 2


def test_only_what_a_person_set_becomes_a_hyperparameter() -> None:
    assert parse_settings(b"training: {epochs: 5}").training.hyperparameters() == {"epochs": "5"}


@pytest.mark.parametrize(
    ("written", "meant"), [("yes", "yes"), ("No", "No"), ("true", "true"), ("1", "1"), ("on", "on"), ("'1'", "1")]
)
def test_the_positive_class_is_text_however_it_is_written(written: str, meant: str) -> None:
    assert parse_settings(f"positive: {written}".encode()).positive == meant


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("targt: x", "targt is not a known key; did you mean target?"),
        ("epochs: 3", "did you mean training.epochs?"),
        ("training: {epoch: 3}", "training.epoch is not a known key; did you mean training.epochs?"),
        ("zzz: 3", "known keys are approval, columns, endpoint"),
        ("training: {epochs: -3}", "training.epochs"),
        ("training: {epochs: 1000000000}", "training.epochs"),
        ("training: {epochs: yes}", "training.epochs"),
        ("training: {epochs: '3'}", "training.epochs"),
        ("training: {learning_rate: .nan}", "training.learning_rate"),
        ("training: {instance_type: m5.large}", "training.instance_type"),
        ("training: 5", "training"),
        ("columns: {a: numerc}", "columns.a"),
        ("columns: [a]", "columns"),
        ("task: guess", "task"),
        ("endpoint: {instance_count: 1000}", "endpoint.instance_count"),
        ("target: a\ntarget: b", "target stands there twice"),
        ("a: &x 1\nb: *x", "alias"),
        ("[" * 20 + "]" * 20, "nested deeper"),
        ("target: [a", "cannot be read as YAML"),
        ("target: !!python/object:os.system x", "cannot be read as YAML"),
        ("target: 2024-99-99", "cannot be read as YAML"),
        ("- target", "key: value"),
        ("respond: {maintenance: [mon]}", "respond.maintenance.0: this cannot be read; it means: times in UTC"),
        ("endpoint: {scaling: {schedules: [{cron: daily, min: 1, max: 2}]}}", "cron: "),
        ("just text", "key: value"),
        ("target: x # " + "x" * MAX_SETTINGS_BYTES, "larger than 64 KB"),
    ],
)
def test_what_is_wrong_is_named(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        parse_settings(text.encode())
    assert says in str(refusal.value)
    assert not str(refusal.value).endswith("?.")
    assert "pattern" not in str(refusal.value)


@given(st.binary(max_size=200) | st.text(alphabet="abtrge:{}[]&*!- \n1.,'\"#|>?%@`", max_size=100).map(str.encode))
def test_any_bytes_are_settings_or_refused(content: bytes) -> None:
    with contextlib.suppress(SettingsError):
        assert isinstance(parse_settings(content), ProjectSettings)


def test_the_gates_settings_are_what_its_policy_takes() -> None:
    policy = GatePolicy(**ProjectSettings().gate.model_dump())
    assert (policy.min_improvement, policy.min_test_rows) == (0.0, 20)


def test_the_page_lists_every_setting_as_the_model_says() -> None:
    lines = [f"| `{key}` | {values} | {default} | {meaning} |" for key, values, default, meaning in describe_settings()]
    assert [line for line in PAGE.read_text().splitlines() if line.startswith("| `")] == lines


def test_the_pages_example_is_valid() -> None:
    example = PAGE.read_text().split("```yaml\n")[1].split("```")[0]
    assert parse_settings(example.encode()).target == "diagnosis"


def test_images_sequences_and_forecasts_are_read() -> None:
    settings = parse_settings(
        b"grids: [{name: face, kind: image, shape: [8, 8], prefix: p}]\n"
        b"forecast: {time: day, entity: [shop], steps: 24, known: [price]}\n"
        b"slices: [shop]\nsensitive: [sex]\ntraining: {family: rnn, layers: 2}\n"
    )
    assert settings.grids is not None
    assert settings.grids[0].shape == [8, 8]
    assert settings.forecast.demanded
    assert settings.training.hyperparameters() == {"layers": "2", "family": "rnn"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("grids: [{name: a, kind: image, shape: [8], prefix: p}]", "[height, width]"),
        ("grids: [{name: a, kind: sequence, shape: [2, 3, 4], prefix: p}]", "[steps, channels]"),
        ("grids: [{name: a, kind: sequence, shape: [8]}]", "either columns or prefix"),
        ("grids: [{name: a, kind: sequence, shape: [8], prefix: p, columns: [q]}]", "either columns or prefix"),
        ("grids: [{name: a, kind: film, shape: [8], prefix: p}]", "grids.0.kind"),
        ("forecast: {step: 3}", "did you mean forecast.steps?"),
        ("forecast: {steps: -1}", "forecast.steps"),
        ("training: {family: 'os.system'}", "training.family"),
    ],
)
def test_wrong_grids_and_forecasts_are_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings(text.encode())
    assert says in str(refused.value)


def test_only_what_a_person_says_makes_a_forecast_certain() -> None:
    assert not parse_settings(b"forecast: {steps: 5}").forecast.demanded
    assert not parse_settings(b"forecast: {time: day, steps: 0}").forecast.demanded


def test_a_limit_on_groups_needs_to_know_the_groups() -> None:
    with pytest.raises(SettingsError, match=r"project.yaml: a limit on groups needs their columns"):
        parse_settings(b"gate: {min_selection_ratio: 0.8}")
    settings = parse_settings(b"gate: {min_selection_ratio: 0.8}\nsensitive: [sex]")
    assert settings.gate_policy["sensitive"] == ["sex"]
    assert settings.gate_policy["min_selection_ratio"] == 0.8


@pytest.mark.parametrize("text", [b"approval: manual", b"approval: {mode: manual}"])
def test_a_persons_approval_is_asked_for_by_one_word(text: bytes) -> None:
    approval = parse_settings(text).approval
    assert (approval.mode, approval.expires_hours, approval.remind_hours) == ("manual", 72, 24)


@pytest.mark.parametrize("text", [b"approval: sometimes", b"approval: {expires_hours: 0}", b"approval: true"])
def test_an_approval_that_cannot_be_is_refused(text: bytes) -> None:
    with pytest.raises(SettingsError, match="approval"):
        parse_settings(text)
