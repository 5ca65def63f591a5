"""Texts embedded by what measures a project."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np

from app.services.loading import LOADING
from app.services.measuring import Measure, Measuring


def test_many_texts_give_way_to_a_person_who_waits_for_the_model(database):
    """Their vectors come in order all the same, and each text is embedded once."""
    lock, turns, waiting = threading.Lock(), [], []

    def answer():
        with lock:
            turns.append("answer")

    def embed(texts):
        if not waiting:
            waiting.append(threading.Thread(target=answer))
            waiting[0].start()
        time.sleep(0.005)
        turns.extend(texts)
        return np.array([[float(text)] for text in texts], dtype=np.float32)

    def with_model(_source, work):
        with lock:
            return work(SimpleNamespace(embed=embed))

    measuring = Measuring(database, SimpleNamespace(with_model=with_model))
    texts = [str(number) for number in range(1000, 0, -1)]
    rows = measuring.embed(Measure("model-1", "v1", 1, "[unused0]", 0.4, SimpleNamespace()), [*texts, "1"])
    waiting[0].join()
    assert rows[:, 0].tolist() == [*map(float, texts), 1.0]
    assert sorted(turns) == sorted([*texts, "answer"])
    assert turns[-1] != "answer"


def test_the_built_in_encoder_is_used_by_one_thread_at_a_time(database):
    """Its tokenizer pads, or does not, as the last call had it: another call between would break a batch."""
    inside, most = [], []

    class Encoder:
        def use(self, *_):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

        def encode(self, texts):
            self.use()
            return SimpleNamespace(numpy=lambda: np.zeros((len(texts), 2), dtype=np.float32))

        def count_tokens(self, _text):
            self.use()
            return 1

    measuring = Measuring(database, SimpleNamespace())
    measuring._encoder = Encoder()
    measure = Measure("minilm", "untrained encoder", None, "[unused0]", 0.4, None)
    work = [lambda: measuring.fresh(measure, ["a", "b"]), lambda: measuring.count_tokens(measure, "a")] * 4
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    with LOADING:  # another project's model is being loaded: who has its encoder need not wait for that
        for thread in threads:
            thread.join(5)
    assert most == [1] * 8
