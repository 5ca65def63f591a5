"""What makes the browser ask before the page is left: work on it that is not saved."""

from __future__ import annotations

__all__ = ["ask_before_leaving"]

_GUARD = """
const changed = () => { __CHANGED__ };
const guard = (event) => {
  if (!element.isConnected) { window.removeEventListener('beforeunload', guard); return; }
  if (changed()) event.preventDefault();
};
window.addEventListener('beforeunload', guard);
"""


def ask_before_leaving(changed: str) -> str:
    """The `js_on_load` of an element; `changed` is the body of a JavaScript function that reads it as `element`, and
    returns whether something would be lost.
    """
    return _GUARD.replace("__CHANGED__", changed)
