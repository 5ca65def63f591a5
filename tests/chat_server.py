"""What a chat model of a test answers, and the wait for work in the background."""

from __future__ import annotations

import time

KEY = "sk-very-secret"


def until(condition, seconds=90):
    """Wait for a condition and return its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return value


def completion(text):
    message = {"role": "assistant", "content": text}
    return {
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "model": "m",
        "usage": {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100},
    }
