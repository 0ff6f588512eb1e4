"""Training jobs: what the program finds, what becomes of its output, and how a job ends."""

import json


def test_a_job_runs_the_program_and_keeps_its_model(training_request, finished, cloud, get) -> None:
    request = training_request("import os, pathlib; pathlib.Path(os.environ['SM_MODEL_DIR'], 'm').write_text('x')")
    cloud.client("sagemaker").create_training_job(**request)
    job = finished(request["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Completed", job
