"""A page without a browser: what is typed and clicked runs the handlers, and the handlers of what these change."""

from __future__ import annotations

from types import SimpleNamespace

import gradio as gr
from gradio.blocks import Block
from gradio.helpers import special_args


class Visitor:
    """One person's session with a page; elements are named by their `elem_id`, or given themselves."""

    def __init__(self, page):
        self.page = page
        self._values = {key: getattr(block, "value", None) for key, block in page.blocks.items()}

    def __getitem__(self, element):
        return self._values[self._key(element)]

    def put(self, element, value):
        """Give an element a value, as typing or pasting does."""
        self._set(self._key(element), value)
        self._fire(self._key(element), "input")

    def upload(self, element, path):
        """Give a file element a file; None takes it out."""
        self._set(self._key(element), None if path is None else str(path))
        self._fire(self._key(element), "clear" if path is None else "upload")

    def click(self, element):
        """Press a button."""
        self._fire(self._key(element), "click")

    def select(self, element, key):
        """Click the row of a table that has this key."""
        self._fire(self._key(element), "select", {"key": key})

    def _key(self, element):
        if isinstance(element, Block):
            return element._id
        return next(key for key, block in self.page.blocks.items() if block.elem_id == element)

    def _set(self, key, value):
        before, self._values[key] = self._values[key], value
        if value != before:
            self._fire(key, "change")

    def _fire(self, key, event, data=None):
        for fn in list(self.page.fns.values()):
            if (key, event) in fn.targets and fn.fn is not None:
                self._run(fn, None if data is None else gr.EventData(self.page.blocks[key], data))

    def _run(self, fn, data):
        inputs = [self._values[block._id] for block in fn.inputs]
        arguments, *_ = special_args(fn.fn, inputs, SimpleNamespace(), data)
        found = fn.fn(*arguments)
        if len(fn.outputs) <= 1 or isinstance(found, dict):  # one update may stand for all
            found = [found] * max(1, len(fn.outputs))
        changed = []
        for block, told in zip(fn.outputs, found, strict=True) if fn.outputs else ():
            value = _value(told, self._values[block._id])
            if value != self._values[block._id]:
                self._values[block._id] = value
                changed.append(block._id)
        for key in changed:
            self._fire(key, "change")
        for after in list(self.page.fns.values()):
            if after.trigger_after == fn._id and after.fn is not None:
                self._run(after, None)


def _value(told, present):
    """The value that an element has once it is told this: a value, or an update that may leave it as it is."""
    if isinstance(told, Block):
        return told.constructor_args.get("value", present)
    return told.get("value", present) if isinstance(told, dict) and "__type__" in told else told
