"""One pasted text at a time through the app's API, warm: how long a person waits for the answer.

    python benchmarks/app_latency.py
    python benchmarks/app_latency.py --data FOLDER      # keep the trained workbench here, and use it again

Starts launch.py with the demo project, trains it at its defaults unless that has happened, and classifies its test
texts with gradio_client. Times are those of the client, which does not check certificates: the address is plain
http, and at its default it would read the certificate authorities of the machine twice a call, 120 ms of a slow core.
Writes docs/results/app_latency.json.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from accuracy import demo_corpora
from commandline import origin, write_results
from gradio_client import Client
from workbench import DEMO, follow, megabytes, served

WARM_UP = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="data folder of the workbench")
    parser.add_argument("--texts", type=int, default=100)
    options = parser.parse_args()
    texts = [example.text for example in demo_corpora()["test"]][: options.texts]
    with tempfile.TemporaryDirectory() as scratch, served(options.data or Path(scratch) / "data") as (address, app, _):
        client = Client(address, verbose=False, ssl_verify=False)
        if not client.predict(DEMO, texts[0], api_name="/classify")["trained"]:
            run = client.predict(DEMO, "benchmark", api_name="/start_training")
            status, _ = follow(client, run, app)
            if status["status"] != "completed":
                raise SystemExit(f"The training run ended as {status}.")
        began = time.perf_counter()
        client.predict(DEMO, texts[0], api_name="/classify")
        first = time.perf_counter() - began
        for text in texts[:WARM_UP]:
            client.predict(DEMO, text, api_name="/classify")
        milliseconds = []
        for text in texts:
            began = time.perf_counter()
            answer = client.predict(DEMO, text, api_name="/classify")
            milliseconds.append((time.perf_counter() - began) * 1000)
        if not answer["trained"]:
            raise SystemExit("The untrained encoder answered, not the trained model.")
        resident = megabytes(app)
    report = {
        **origin("torch", "gradio"),
        "texts": len(texts),
        "p50_ms": round(float(np.percentile(milliseconds, 50))),
        "p95_ms": round(float(np.percentile(milliseconds, 95))),
        "first_text_seconds": round(first, 2),
        "app_mb_with_the_model": round(resident),
    }
    write_results("app_latency", report)
    print(f"\n{report['machine']}; {report['versions']}\n   p50 ms   p95 ms  first text, s  app MB")
    print(
        f"{report['p50_ms']:9}{report['p95_ms']:9}{report['first_text_seconds']:15}{report['app_mb_with_the_model']:8}"
    )


if __name__ == "__main__":
    main()
