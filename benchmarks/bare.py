"""What a person would write at a desk: load the file, fit the model, start a server, answer one request.

    python benchmarks/bare.py FILE SPEC

Called by `benchmarks.road`. Prints its seconds as JSON; the import of TensorFlow is left out.
"""

import http.server
import importlib
import json
import sys
import threading
import time
import urllib.request
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from headgate_training.encoding import Encoder
from headgate_training.encoding_fit import fit_encoding
from headgate_training.families import FAMILIES
from headgate_training.fitting import Part, fit
from headgate_training.heads import choose_head
from headgate_training.layout import find_layout
from headgate_training.settings import Settings
from headgate_training.spec import read_spec
from headgate_training.table import Table

family = importlib.import_module(FAMILIES[Settings().chosen_for(1, 0).family])


def main(file: str, spec_file: str) -> dict[str, float]:
    """Do it; `whole` seconds, and those inside `fit`."""
    start = time.perf_counter()
    spec = read_spec(Path(spec_file))
    loaded = pd.read_csv(file).sample(frac=1, random_state=0)
    target = np.array([spec.classes.index(label) for label in loaded[spec.target]])
    numbers = loaded[spec.numeric_names].to_numpy(np.float64)
    first = int(len(target) * 0.8)
    settings = Settings().chosen_for(first, spec.seed)
    encoding = fit_encoding(Table(numbers[:first], []), spec)
    encoder = Encoder(encoding, spec)
    train, validation = (
        Part(encoder.encode(Table(numbers[rows], [])), target[rows]) for rows in (slice(first), slice(first, None))
    )
    keras.utils.set_random_seed(settings.seed)
    head = choose_head(spec, train.target)
    model = family.build(encoding.width, head.outputs, settings, find_layout(encoding, train.encoded))
    fitting = time.perf_counter()
    fit(model, head, train, validation, settings, lambda _epoch: None)
    fitted = time.perf_counter()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = head.predict(model(validation.encoded[:1], training=False)).numpy().tolist()
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/", b"{}").read()
    return {"whole": time.perf_counter() - start, "fit": fitted - fitting}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
