"""Labels as reviewers see them: colour, key, parent, group, guideline and examples, folded until somebody looks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from app.components import markup

if TYPE_CHECKING:
    from app.services.reviews import LabelChoice

__all__ = ["label_guide"]

TITLE = "What the labels mean"


def label_guide(choices: Sequence[LabelChoice], ticked: Collection[str]) -> str:
    """One fold a label, in the order of the boxes; `data-digits` names each box's key for the hotkeys, `data-ticked`
    says which of them are ticked (1) until somebody changes them.
    """
    body = [Markup('<p class="lg-group"><b>{}</b></p>').format(TITLE)]
    group = ""
    for choice in choices:
        if choice.group != group:
            group = choice.group
            body.append(Markup('<p class="lg-muted lg-group">{}</p>').format(group))
        body.append(_fold(choice))
    digits = ",".join(choice.digit for choice in choices)
    ticks = ",".join(str(int(choice.name in ticked)) for choice in choices)
    guide = Markup('<div class="lg-guide" data-digits="{}" data-ticked="{}">{}</div>')
    return str(guide.format(digits, ticks, Markup("").join(body)))


def _fold(choice: LabelChoice) -> Markup:
    key = Markup("<kbd>{}</kbd> ").format(choice.digit) if choice.digit else Markup("")
    under = markup.under(choice.parent)
    said = Markup("<p>{}</p>").format(choice.description)
    if choice.guideline:
        said += Markup('<p class="lg-guideline">{}</p>').format(choice.guideline)
    for title, examples in (("Examples", choice.examples_positive), ("Tricky", choice.examples_tricky)):
        if examples:
            items = Markup("").join(Markup("<li>{}</li>").format(example) for example in examples)
            said += Markup("<p><b>{}</b></p><ul>{}</ul>").format(title, items)
    return Markup("<details><summary>{}{}{}{}</summary>{}</details>").format(
        markup.dot(choice.colour), key, choice.name, under, said
    )
