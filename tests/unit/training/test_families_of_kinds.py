"""Families on images, sequences, texts and many categories: learned, and answered alike by all engines."""

import importlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from headgate.services.publish_training_code import _archive
from headgate.services.training_code import source_files
from headgate_cli.exporting import Version, export
from headgate_training.encoding import Encoder, load_encoding
from headgate_training.families import FAMILIES
from headgate_training.layout import GridPlace, IndexPlace, Layout, Place, TextPlace
from headgate_training.litert import LiteRtModel
from headgate_training.parquet import read_parquet
from headgate_training.ridge import fit_ridge
from headgate_training.savedmodel import SavedModel
from headgate_training.settings import Settings
from headgate_training.spec import read_spec
from headgate_training.table import Table
from headgate_training.tokens import fold, patches

from .jobs import KINDS_COLUMNS, Job, make_spec, write_parts, write_spec

TRAINING = Path(__file__).parents[3] / "training"
NASTY: dict[str, object] = {"note": "\x00 \U0001f600\u2028İ good", "shop": "never seen", "p0": None, "load[-1]": 1e300}


@pytest.fixture(params=sorted(FAMILIES))
def job(request: pytest.FixtureRequest, kinds_job: Callable[[str], Job]) -> Job:
    return kinds_job(request.param)


def test_every_family_learns_from_every_kind_and_all_engines_agree(job: Job) -> None:
    twin = LiteRtModel(job.version)
    table = read_parquet(job.test, twin.spec)
    with SavedModel(job.version) as model:
        expected = model.predict(table)
    np.testing.assert_allclose(twin.predict(table), expected, rtol=1e-4, atol=1e-3)
    one = Table(table.numbers[:1], [texts[:1] for texts in table.texts])
    np.testing.assert_allclose(twin.predict(one), expected[:1], rtol=1e-4, atol=1e-3)
    history = [epoch["val_rmse"] for epoch in job.metrics["history"]]
    assert min(history) < 45, "worse than 50, the deviation of the target"


def test_golden_and_nasty_requests_are_answered(job: Job) -> None:
    twin = LiteRtModel(job.version)
    golden = json.loads((job.version / "assets.extra" / "golden.json").read_text(encoding="utf-8"))["golden"]
    for example in golden:
        (answer,) = twin.answer([example["request"]])
        np.testing.assert_allclose(answer["value"], example["answer"]["value"], rtol=1e-4, atol=1e-3)
    (answer,) = twin.answer([golden[0]["request"] | NASTY])
    assert np.isfinite(answer["value"])


@pytest.mark.parametrize("job", sorted(FAMILIES.keys() - {"dnn"}), indirect=True)  # rnn has all layers of dnn
def test_every_family_is_handed_over_as_onnx(job: Job, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(job.version, "1")
    version = Version("1", packed.getvalue(), _archive(source_files(TRAINING)), "float32")
    made = tmp_path / "made"
    export(version, "onnx", made, force=False)  # ends in an error if its own example is not answered
    signature = json.loads((made / "signature.json").read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(made / "model" / "model.onnx", providers=["CPUExecutionProvider"])
    (given,), (told,) = session.get_inputs(), session.get_outputs()
    spec = read_spec(job.places.spec / "spec.json")
    encoding = load_encoding(job.version / "assets.extra" / "encoding.json")
    assert (given.type, given.shape[1:]) == ("tensor(float)", [encoding.width])
    assert (told.type, told.shape[1:]) == ("tensor(float)", [len(signature["outputs"])])
    assert [(each["name"], each["kind"]) for each in signature["inputs"]] == list(KINDS_COLUMNS.items())
    table = read_parquet(job.test, spec)
    with SavedModel(job.version) as model:
        expected = model.predict(table)
    (answers,) = session.run(None, {given.name: Encoder(encoding, spec).encode(table)})
    np.testing.assert_allclose(encoding.unit.of(answers), expected, rtol=1e-4, atol=1e-3)


LAYOUT = Layout(
    places=[Place((0, 1), (-1.0, 0.0, 2.0)), Place((2, 3))],
    indices=[IndexPlace(4, 5), IndexPlace(5, 3)],
    grids=[GridPlace("image", (9, 8, 1), 6), GridPlace("sequence", (50, 2), 78)],
    texts=[TextPlace(range(178, 182), range(182, 188), 9), TextPlace(range(188, 190), range(190, 192), 4)],
)


def rows_of_layout(rows: int) -> np.ndarray:
    random = np.random.default_rng(1)
    encoded = random.normal(size=(rows, 192)).astype(np.float32)
    for place in LAYOUT.indices:
        encoded[:, place.at] = random.integers(place.size, size=rows)
    for text in LAYOUT.texts:
        encoded[:, text.tokens] = random.integers(text.size, size=(rows, len(text.tokens)))
    return encoded


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_weight_takes_part_in_the_answer(family: str) -> None:
    keras.utils.set_random_seed(1)
    settings = Settings(family=family, members=2, hidden_units=8, layers=2).chosen_for(100, seed=1)
    model = importlib.import_module(FAMILIES[family]).build(192, 2, settings, LAYOUT)
    rows, random = rows_of_layout(60), np.random.default_rng(2)
    for weight in model.trainable_variables:
        weight.assign(weight.numpy() + 0.1 * random.normal(size=weight.shape))
    answer = tf.function(lambda: model(rows))
    before = answer().numpy()
    assert before.shape == (2, 60, 2)
    for weight in model.trainable_variables:
        kept = weight.numpy()
        weight.assign(kept + random.normal(size=kept.shape))
        assert not np.allclose(answer().numpy(), before), weight.path
        weight.assign(kept)


def test_a_transformer_does_not_look_beyond_the_end_of_a_text() -> None:
    layout = Layout([Place((0,))], texts=[TextPlace(range(1, 1), range(1, 5), 9)])
    settings = Settings(family="transformer", hidden_units=8).chosen_for(100, seed=1)
    model = importlib.import_module(FAMILIES["transformer"]).build(5, 1, settings, layout)
    rows = np.array([[0.5, 3, 0, 0, 0], [0.5, 3, 4, 0, 0]], np.float32)
    before = model(rows).numpy()[0, :, 0]
    (place,) = [weight for weight in model.trainable_variables if weight.name == "place"]
    place.assign(np.concatenate([place.numpy()[:1], place.numpy()[1:] + 1.0]))
    after = model(rows).numpy()[0, :, 0]
    assert after[0] == pytest.approx(before[0], abs=1e-6)
    assert after[1] != pytest.approx(before[1], abs=1e-3)


def test_a_large_image_is_read_coarsely() -> None:
    layout = Layout(grids=[GridPlace("image", (96, 100, 3), 0)])
    settings = Settings(family="cnn", members=1).chosen_for(100, seed=1)
    model = importlib.import_module(FAMILIES["cnn"]).build(96 * 100 * 3, 2, settings, layout)
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    assert first.output.shape[1:3] == (32, 34)
    assert model(np.zeros((2, 96 * 100 * 3), np.float32)).shape == (1, 2, 2)


@pytest.mark.parametrize("family", ["cnn", "rnn"])
def test_a_family_without_what_it_needs_says_which_fit(family: str) -> None:
    settings = Settings(family=family).chosen_for(100, seed=1)
    with pytest.raises(ValueError, match=f"family {family} needs .* dnn and transformer fit any table"):
        importlib.import_module(FAMILIES[family]).build(2, 1, settings, Layout([Place((0,)), Place((1,))]))


def test_grids_are_folded_and_cut_without_losing_a_cell() -> None:
    steps = np.arange(1, 101, dtype=np.float32).reshape(1, 50, 2)
    folded = np.array(fold(steps, 16))
    assert folded.shape == (1, 13, 8)
    np.testing.assert_array_equal(folded.reshape(-1)[4:], steps.reshape(-1))
    image = np.arange(9 * 8 * 3, dtype=np.float32).reshape(1, 9, 8, 3) + 1
    cut = np.array(patches(image, 20))
    assert cut.shape == (1, 20, 2 * 2 * 3)
    np.testing.assert_array_equal(cut[0, 5], image[0, 2:4, 2:4].reshape(-1))
    assert set(cut.reshape(-1)) - {0.0} == set(image.reshape(-1))


def test_ridge_finds_a_line_and_shrinks_before_noise() -> None:
    random = np.random.default_rng(1)
    seen = random.normal(size=(300, 4)) + 5
    slopes, constant = fit_ridge(seen, seen @ [1.0, -2, 0, 0.5] + 7)
    np.testing.assert_allclose(slopes, [1, -2, 0, 0.5], atol=1e-3)
    assert constant == pytest.approx(7, abs=0.01)
    noise, _ = fit_ridge(random.normal(size=(40, 30)), random.normal(size=40))
    assert np.abs(noise).max() < 0.2


TOY = """
import keras
from headgate_training.layout import NOTHING_KNOWN
from headgate_training.members import MembersDense

def defaults(rows):
    return {"batch_size": 32, "learning_rate": 0.01, "hidden_units": 1, "layers": 1, "dropout": 0.0, "patience": 2,
            "members": 1, "weight_decay": 0.0}

def build(width, outputs, settings, layout=NOTHING_KNOWN):
    encoded = keras.Input((width,))
    return keras.Model(encoded, MembersDense(settings.members, outputs, gain=1.0)(encoded))
"""


def test_a_family_is_added_by_two_files_alone(tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(TRAINING, code)
    (code / "headgate_training" / "families" / "toy.py").write_text(TOY)
    (code / "headgate_training" / "families" / "toy.json").write_text('{"format": 1, "family": "toy"}')
    spec = make_spec({"x": "numeric", "note": "text"}, "y", "regression", family="toy")
    write_parts(tmp_path, "SELECT i::DOUBLE AS x, 'some words' AS note, i::DOUBLE AS y FROM range(200) rows(i)")
    write_spec(tmp_path / "spec", spec)
    places = {"SM_CHANNEL_TRAIN": "train", "SM_CHANNEL_VALIDATION": "validation", "SM_CHANNEL_SPEC": "spec"}
    places |= {"SM_MODEL_DIR": "model", "SM_OUTPUT_DATA_DIR": "output"}
    path = os.pathsep.join([str(code), os.environ["PYTHONPATH"]])
    environment = os.environ | {"PYTHONPATH": path} | {name: str(tmp_path / place) for name, place in places.items()}
    subprocess.run([sys.executable, str(code / "train.py"), "--epochs", "3"], env=environment, check=True, timeout=300)
    metrics = json.loads((tmp_path / "output" / "metrics.json").read_text())
    assert metrics["settings"]["family"] == "toy"
    (answer,) = LiteRtModel(tmp_path / "model" / "1").answer([{"x": 10.0, "note": "words"}])
    assert np.isfinite(answer["value"])
