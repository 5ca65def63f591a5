"""Keys that press the buttons of a screen, as long as it is in front and nobody is typing."""

from __future__ import annotations

import json
from collections.abc import Mapping

import gradio as gr
from markupsafe import Markup

__all__ = ["hotkeys"]

# Toggling happens in the page, so that quick keys cannot overtake one another on the way to the server.
_LISTEN = """
const buttons = __BUTTONS__;
const toggles = '__TOGGLES__';
const typing = (target) => target.isContentEditable
  || (target.matches('input, textarea, select') && !['checkbox', 'radio', 'button'].includes(target.type));
// A button or fold that was reached by Tab keeps its Enter; one that still has the focus of a mouse click does not.
let clicked = null;
const gone = new AbortController();
const listen = (name, handler) => document.addEventListener(name, handler, {signal: gone.signal, capture: true});
listen('pointerdown', (event) => { clicked = event.target.closest('button, summary'); });
listen('focusin', (event) => { if (event.target !== clicked) clicked = null; });
const press = (event) => {
  if (!element.isConnected) { gone.abort(); return; }
  if (element.getClientRects().length === 0) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target)) return;
  const button = event.target.closest('button, summary, a, [data-key]');
  if (event.key === 'Enter' && button && button !== clicked) return;
  const digits = document.querySelector('[data-digits]')?.dataset.digits.split(',') ?? [];
  const target = '1234567890'.includes(event.key)
    ? document.querySelectorAll(`${toggles} input[type=checkbox]`)[digits.indexOf(event.key)]
    : document.querySelector(buttons[event.key.toLowerCase()] ?? null);
  if (!target || target.disabled) return;
  event.preventDefault();
  target.click();
};
listen('keydown', press);
"""


def hotkeys(buttons: Mapping[str, str], *, toggles: str, legend: Mapping[str, str]) -> gr.HTML:
    """Listen while the element is on screen.

    Args:
        buttons: {key, in lower case: CSS selector of the button it presses}.
        toggles: CSS selector of the checkbox group that digits toggle; an element of the page with
            `data-digits` lists the digit of each box, in order, empty for a box without one.
        legend: {keys: what they do}, as shown.
    """
    script = _LISTEN.replace("__BUTTONS__", json.dumps(dict(buttons))).replace("__TOGGLES__", toggles)
    shown = Markup(" · ").join(Markup("<kbd>{}</kbd> {}").format(keys, action) for keys, action in legend.items())
    return gr.HTML(str(Markup('<p class="lg-muted lg-keys">{}</p>').format(shown)), js_on_load=script)
