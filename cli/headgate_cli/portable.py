"""The texts of an exported directory."""

DOCKERFILE = """FROM tensorflow/serving:2.20.0
COPY model /models/model
ENV MODEL_NAME=model
"""

KSERVE = """apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: model
spec:
  predictor:
    tensorflow:
      # The directory `model` of this export, where the cluster can read it (s3://, gs:// or pvc://).
      storageUri: s3://BUCKET/model
"""

_LITERT = '''"""Answers the rows of a JSON file: python predict.py request.json"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from headgate_training.litert import LiteRtModel

model = LiteRtModel(HERE / "model")
rows = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["instances"]
print(json.dumps({"predictions": model.answer(rows)}))
'''

_ONNX = '''"""Answers the rows of a JSON file: python predict.py request.json"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import onnxruntime
from headgate_training.answers import answers
from headgate_training.encoding import Encoder, load_encoding
from headgate_training.spec import read_spec
from headgate_training.table import RowReader

extra = HERE / "model" / "assets.extra"
spec = read_spec(extra / "spec.json")
encoding = load_encoding(extra / "encoding.json")
encoder, unit = Encoder(encoding, spec), getattr(encoding, "unit", None)  # older versions have none
session = onnxruntime.InferenceSession(HERE / "model" / "model.onnx", providers=["CPUExecutionProvider"])
rows = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["instances"]
encoded = encoder.encode(RowReader(spec.columns).read(rows))
[outputs] = session.run(None, {session.get_inputs()[0].name: encoded})
print(json.dumps({"predictions": answers(unit.of(outputs) if unit else outputs, spec)}))
'''

PREDICT = {"litert": _LITERT, "onnx": _ONNX}

_FILES = """- `signature.json`: names and types of what goes in and comes out
- `request.json`, `expected.json`: an example and its answer; numbers may differ in the fourth digit
"""
_SERVED = """- `model/1`: the SavedModel, raw columns in, answers out
- `Dockerfile`, `kserve.yaml`: ways to serve it

Run it:

    docker build -t model .
    docker run -p 8501:8501 model
    curl -d @request.json http://localhost:8501/v1/models/model:predict

Numbers are float64, and missing is `NaN`; everything else is text, and missing is `""`. On Kubernetes put `model`
where the cluster can read it, name that place in `kserve.yaml`, and `kubectl apply -f kserve.yaml`.
"""
_RUN = """- `model`: the network, and how raw columns are encoded for it
- `headgate_training`: the code that encodes rows and words answers, as it was when the version was trained
- `predict.py`: answers the rows of a file such as `request.json`

Run it (Python 3.11 or newer):

    pip install -r requirements.txt
    python predict.py request.json

Missing is null, NaN or ""; numbers may be written as text.
"""


def readme(format_name: str, version: str) -> str:
    """The README of an export."""
    rest = _SERVED if format_name == "saved_model" else _RUN
    return f"# Version {version} as {format_name}\n\nIt runs without Headgate.\n\n{_FILES}{rest}"
