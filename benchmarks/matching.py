"""Sentences a second of the matcher: against the bare matrix product, and against one sentence after another.

    env OPENBLAS_NUM_THREADS=2 python benchmarks/matching.py
    python benchmarks/matching.py --sentences 10000 --labels 1000 --dimension 1024 --repeats 7

All sides compute in float32 with the same threads, in turns in one process. `A @ B.T` decides nothing; the matcher
finds label, runner-up and abstention. The sequential loops do so for one sentence after another, against all labels
at once or one after another (section 8.5 of the paper; on a part of the sentences, it is slow). Ends with an error
where they find different labels. The approximate index is measured on many more labels, with its recall.
Writes docs/results/matching.json.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from commandline import origin, write_results
from numpy.typing import NDArray

from lagamc.matcher import Matcher, Nearest

THRESHOLD = 0.4
ROUNDING = 1e-5  # cosines nearer than this may change places
PAIRED = 100  # sentences of the loop over pairs
Matrix = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=10_000)
    parser.add_argument("--labels", type=int, default=1_000)
    parser.add_argument("--dimension", type=int, default=1_024)
    parser.add_argument("--repeats", type=int, default=7, help="at least 5 are made")
    options = parser.parse_args()
    sentences, labels = drawn(options.sentences, options.labels, options.dimension)
    matcher = Matcher([str(number) for number in range(len(labels))], labels)
    megabytes = extra_megabytes(lambda: matcher.nearest(sentences).cosines < THRESHOLD)
    few = sentences[:PAIRED]
    compare(matcher.nearest(sentences), by_sentence(sentences, labels))
    compare(matcher.nearest(few), by_pair(few, labels))

    work: dict[str, Callable[[], object]] = {
        "bare product": lambda: sentences @ labels.T,
        "matcher": lambda: matcher.nearest(sentences).cosines < THRESHOLD,
        "sentence by sentence": lambda: by_sentence(sentences, labels).cosines < THRESHOLD,
        "pair by pair": lambda: by_pair(few, labels).cosines < THRESHOLD,
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(max(5, options.repeats)):  # in turns, so that a busy machine slows all
        for name, call in work.items():
            times[name].append(seconds(call))
    times["pair by pair"] = [value * len(sentences) / len(few) for value in times["pair by pair"]]
    rates = {name: round(len(sentences) / statistics.median(values)) for name, values in times.items()}
    report = {
        **origin("numpy", threads=threads()),
        "sentences": len(sentences),
        "labels": len(labels),
        "dimension": options.dimension,
        "sentences_per_second": rates,
        "rate_of_the_product": ratio(times["bare product"], times["matcher"]),
        "times_sentence_by_sentence": ratio(times["sentence by sentence"], times["matcher"]),
        "times_pair_by_pair": ratio(times["pair by pair"], times["matcher"]),
        "extra_mb": megabytes,
        "repeats": len(times["matcher"]),
        "approximate": approximate(),
    }
    write_results("matching", report)
    show(report)


def drawn(sentences: int, labels: int, dimension: int) -> tuple[Matrix, Matrix]:
    """Unit vectors: labels anywhere, sentences near one label each, as generated ones are."""
    random = np.random.default_rng(0)
    centres = unit(random.normal(size=(labels, dimension)).astype(np.float32))
    noise = unit(random.normal(size=(sentences, dimension)).astype(np.float32))
    near = centres[random.integers(0, labels, sentences)]
    return unit(near * random.uniform(0.2, 2, (sentences, 1)).astype(np.float32) + noise), centres


def unit(rows: Matrix) -> Matrix:
    scaled: Matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def approximate() -> dict[str, Any]:
    """The index against the exact matcher on 100,000 labels in groups, as the labels of a large hierarchy are."""
    count, dimension, groups, asked = 100_000, 384, 2_000, 2_000
    random = np.random.default_rng(0)
    centres = random.normal(size=(groups, dimension)).astype(np.float32)
    labels = centres[random.integers(0, groups, count)]
    labels = unit(labels + 0.7 * random.normal(size=labels.shape).astype(np.float32))
    sentences = labels[random.integers(0, count, asked)]
    sentences = unit(sentences + 0.02 * random.normal(size=sentences.shape).astype(np.float32))
    names = [str(number) for number in range(count)]
    exact = Matcher(names, labels)
    began = time.perf_counter()
    index = Matcher(names, labels, matching="approximate")
    building = time.perf_counter() - began
    expected, found = exact.nearest(sentences), index.nearest(sentences)
    slow, fast = [], []
    for _ in range(5):
        slow.append(seconds(lambda: exact.nearest(sentences)))
        fast.append(seconds(lambda: index.nearest(sentences)))
    return {
        "labels": count,
        "dimension": dimension,
        "recall": round(float((found.labels == expected.labels).mean()), 4),
        "recall_of_the_runner_up": round(float((found.runners_up == expected.runners_up).mean()), 4),
        "times_exact": ratio(slow, fast),
        "building_seconds": round(building, 1),
    }


def by_sentence(sentences: Matrix, labels: Matrix) -> Nearest:
    """The same answer, one sentence after another, each against all labels."""
    return best_two(labels @ sentence for sentence in sentences)


def by_pair(sentences: Matrix, labels: Matrix) -> Nearest:
    """The same answer, one sentence after another, each against one label after another."""
    return best_two(np.array([sentence @ label for label in labels]) for sentence in sentences)


def best_two(rows_of_cosines: Iterable[Matrix]) -> Nearest:
    rows = []
    for cosines in rows_of_cosines:
        best = int(cosines.argmax())
        cosine = cosines[best]
        cosines[best] = -np.inf
        second = int(cosines.argmax())
        rows.append((best, cosine, second, cosines[second]))
    best, cosine, second, runner_up = zip(*rows, strict=True)
    return Nearest(np.array(best), np.array(cosine, np.float32), np.array(second), np.array(runner_up, np.float32))


def compare(found: Nearest, expected: Nearest) -> None:
    """End the run where label, runner-up, cosine or abstention differ by more than rounding."""
    pairs = ((found.cosines, expected.cosines), (found.runner_up_cosines, expected.runner_up_cosines))
    if not all(np.allclose(one, other, atol=ROUNDING) for one, other in pairs):
        raise SystemExit("The matcher's cosines differ from those of a sequential loop.")
    clear = expected.cosines - expected.runner_up_cosines > ROUNDING
    if (found.labels != expected.labels)[clear].any():
        raise SystemExit("The matcher's labels differ from those of a sequential loop.")
    far = np.abs(expected.cosines - THRESHOLD) > ROUNDING
    if ((found.cosines < THRESHOLD) != (expected.cosines < THRESHOLD))[far].any():
        raise SystemExit("The matcher abstains otherwise than a sequential loop does.")


def extra_megabytes(work: Callable[[], object]) -> float:
    """Peak resident memory of the call above what was there before, the first call's libraries included."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
    before = memory("VmRSS")
    work()
    return round(memory("VmHWM") - before, 1)


def memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def threads() -> int:
    return int(
        os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))
    )


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ratio(slow: list[float], fast: list[float]) -> float:
    return round(statistics.median(one / other for one, other in zip(slow, fast, strict=True)), 2)


def show(report: dict[str, Any]) -> None:
    print(
        f"\n{report['sentences']:,} sentences, {report['labels']:,} labels, dimension {report['dimension']:,}; "
        f"{report['machine']}; {report['versions']}"
    )
    print("                            sentences/s")
    for name, rate in report["sentences_per_second"].items():
        print(f"{name:<28}{rate:11,}")
    print(
        f"matcher with top-2 and threshold: {report['rate_of_the_product']} of the bare product's rate, "
        f"{report['times_sentence_by_sentence']} and {report['times_pair_by_pair']} times the sequential loops; "
        f"{report['extra_mb']} MB of extra memory\napproximate: {report['approximate']}"
    )


if __name__ == "__main__":
    main()
