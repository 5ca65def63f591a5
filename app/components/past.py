"""What stood in an editor before, so that undo brings any of it back."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Past"]

REMEMBERED = 100  # wordings that undo can go back to


@dataclass(frozen=True, slots=True)
class Past:
    """Wordings of one label before the present one, oldest first; `seen` is the present one as last recorded."""

    label_id: int | None = None
    seen: str = ""
    steps: tuple[str, ...] = ()

    def typed(self, text: str) -> Past:
        """Record what the text has become; the keys that write or delete one word are one step."""
        if text == self.seen:
            return self
        if self.steps and _one_word(self.steps[-1], self.seen, text):
            return replace(self, seen=text)
        return replace(self, seen=text, steps=(*self.steps, self.seen)[-REMEMBERED:])

    def put(self, before: str, text: str) -> Past:
        """Record a text that takes the place of `before` at once."""
        past = self.typed(before)
        steps = past.steps if before == text else (*past.steps, before)[-REMEMBERED:]
        return replace(past, seen=text, steps=steps)

    def back(self, text: str) -> Past | None:
        """Go back to the last wording other than `text`, which is `seen` then; None where there is none."""
        steps = list(self.typed(text).steps)
        while steps:
            earlier = steps.pop()
            if earlier != text:
                return replace(self, seen=earlier, steps=tuple(steps))
        return None


def _one_word(base: str, seen: str, text: str) -> bool:
    """Whether one word grew from `base` by `seen` to `text`, or shrank."""
    for first, middle, last in ((base, seen, text), (text, seen, base)):
        run = _added(first, last)
        if run is not None and len(run.split()) <= 1 and None not in (_added(first, middle), _added(middle, last)):
            return True
    return False


def _added(short: str, long: str) -> str | None:
    """Return what stands in `long` at one place beyond `short`, or None where they differ otherwise."""
    start = next((place for place, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    rest = len(short) - start
    return long[start : len(long) - rest] if len(short) < len(long) and long.endswith(short[start:]) else None
