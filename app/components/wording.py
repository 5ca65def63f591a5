"""How wordings are shown: findings about one, the difference of two, and cosines of many as a heat map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from app.components import markup
from lagamc.descriptions.diff import DiffPart
from lagamc.descriptions.lint import Finding

__all__ = ["difference", "findings", "heat_map"]

_TAGS = {"same": Markup("<span>{}</span>"), "removed": Markup("<del>{}</del>"), "added": Markup("<ins>{}</ins>")}


def difference(changes: Iterable[DiffPart]) -> Markup:
    """A word diff in one line: what goes is struck out, what comes is underlined."""
    parts = Markup(" ").join(_TAGS[change.kind].format(change.text) for change in changes)
    return Markup('<span class="lg-diff">{}</span>').format(parts or markup.NOTHING)


def findings(found: Sequence[Finding], *, clear: str) -> str:
    """Findings as rows; one that can be mended is keyed by its place, and shows the wording it would get."""
    rows = []
    for place, finding in enumerate(found):
        said = Markup("<b>{}</b> {} <i>{}</i>").format(finding.code, finding.message, finding.fix)
        if finding.fixed:
            said += Markup('<span class="lg-fixed">Use this wording: {}</span>').format(finding.fixed)
        rows.append(markup.Row([said], kind=f"lg-{finding.severity}", key=place if finding.fixed else None))
    if not rows:
        return markup.note(clear, "done")
    return markup.table((f"{len(rows)} to look at",), rows, empty="")


def heat_map(names: Sequence[str], cosines: Sequence[Sequence[float]], *, threshold: float) -> str:
    """A square of cosines in [-1, 1]; those at the threshold and above are framed, every cell says its pair."""
    head = Markup("").join(
        Markup('<th title="{0}"><span>{1}</span></th>').format(name, place) for place, name in enumerate(names, start=1)
    )
    rows = Markup("").join(
        Markup('<tr><th title="{0}">{1} {0}</th>{2}</tr>').format(name, row + 1, _cells(row, names, cosines, threshold))
        for row, name in enumerate(names)
    )
    return str(
        Markup(
            '<div class="lg-scroll"><table class="lg-heat"><thead><tr><th></th>{}</tr></thead>{}</table></div>'
        ).format(head, rows)
    )


def _cells(row: int, names: Sequence[str], cosines: Sequence[Sequence[float]], threshold: float) -> Markup:
    cell = Markup('<td class="{}" style="--heat:{:.0f}%" title="{} and {}: {:.3f}"></td>')
    return Markup("").join(
        Markup('<td class="lg-self"></td>')
        if column == row
        else cell.format(
            "lg-hot" if cosine >= threshold else "", 100 * max(0.0, cosine), names[row], names[column], cosine
        )
        for column, cosine in enumerate(cosines[row])
    )
