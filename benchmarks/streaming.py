"""100,000 documents from the command line against 10,000: the time grows no faster, the memory not at all.

    python benchmarks/streaming.py MODEL_FOLDER
    python benchmarks/streaming.py MODEL_FOLDER --documents 200 2000 --repeats 5

The texts of the demo project are repeated under ids of their own. Each run is a process: `lagamc classify` into a
fresh file; time and peak resident memory are those of that process, start and loading included. Ends with an error
where an output lacks a document or the larger one does not begin like the smaller. Writes docs/results/streaming.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from accuracy import DEMO, ROOT
from commandline import origin, write_results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="the model folder that a run wrote")
    parser.add_argument("--documents", type=int, nargs=2, default=(10_000, 100_000), metavar="N")
    parser.add_argument("--repeats", type=int, default=1, help="of both sizes, in turns; medians are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        files = [written(Path(scratch) / f"{count}.jsonl", count) for count in options.documents]
        figures: dict[int, list[tuple[float, float]]] = {count: [] for count in options.documents}
        outputs = [file.with_suffix(".out") for file in files]
        for _ in range(options.repeats):
            for count, file, output in zip(options.documents, files, outputs, strict=True):
                output.unlink(missing_ok=True)
                figures[count].append(classified(options.model, file, output))
                print(
                    f"{count:,} documents: {figures[count][-1][0]:.1f} s, {figures[count][-1][1]:,.0f} MB", flush=True
                )
            compare(outputs, options.documents)
    rows = [
        {
            "documents": count,
            "seconds": round(statistics.median(seconds for seconds, _ in runs), 1),
            "peak_mb": round(statistics.median(megabytes for _, megabytes in runs)),
        }
        for count, runs in figures.items()
    ]
    few, many = rows
    report = {
        **origin("torch", "transformers"),
        "sizes": rows,
        "times_the_time": round(many["seconds"] / few["seconds"], 2),
        "times_the_memory": round(many["peak_mb"] / few["peak_mb"], 3),
        "repeats": options.repeats,
    }
    write_results("streaming", report)
    show(report)


def written(path: Path, count: int) -> Path:
    """A file of `count` documents: the demo's texts again and again."""
    lines = (DEMO / "messages.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    with path.open("w", encoding="utf-8") as file:
        for number, text in zip(range(count), itertools.cycle(texts), strict=False):
            file.write(json.dumps({"id": f"document {number}", "text": text}, ensure_ascii=False) + "\n")
    return path


def classified(model: Path, file: Path, output: Path) -> tuple[float, float]:
    """Seconds and peak MB of one `lagamc classify`."""
    command = [sys.executable, "-m", "lagamc", "classify", str(model.resolve()), str(file), "--output", str(output)]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"lagamc classify failed:\n{errors.decode()}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def compare(outputs: list[Path], counts: tuple[int, int]) -> None:
    """End the run where a document is missing, or was given other labels among more documents."""
    few, many = outputs
    with few.open(encoding="utf-8") as one, many.open(encoding="utf-8") as other:
        same = sum(line == longer for line, longer in zip(one, other, strict=False))
        left = sum(1 for _ in other)
    if same != counts[0] or same + left != counts[1]:
        raise SystemExit(f"{same:,} of {counts[0]:,} documents were classified alike, {left:,} more were written.")


def show(report: dict[str, Any]) -> None:
    print(f"\n{report['machine']}; {report['versions']}\ndocuments  seconds  documents/s  peak MB")
    for row in report["sizes"]:
        rate = row["documents"] / row["seconds"]
        print(f"{row['documents']:9,}  {row['seconds']:7.1f}  {rate:11.1f}  {row['peak_mb']:7,}")
    print(f"{report['times_the_time']} times the time, {report['times_the_memory']} times the memory")


if __name__ == "__main__":
    main()
