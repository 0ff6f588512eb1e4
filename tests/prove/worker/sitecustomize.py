"""Python loads this first where its folder is on PYTHONPATH: a Lambda of the local cloud then records its calls."""

import importlib.util
import os
from pathlib import Path

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    place = Path(__file__).resolve().parents[1] / "recorder.py"
    spec = importlib.util.spec_from_file_location("headgate_recorder", place)
    assert spec is not None
    assert spec.loader is not None
    recorder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recorder)
    recorder.install("local", os.environ["AWS_LAMBDA_FUNCTION_NAME"])
