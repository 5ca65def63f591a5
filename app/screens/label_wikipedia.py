"""Wikipedia as a source of drafts: search, choose among meanings, take the introduction."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import on
from app.components.project_bar import author_name, require_project
from app.errors import AppError

if TYPE_CHECKING:
    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.screens.label_editor import LabelEditor
    from lagamc.descriptions.wikipedia import Article

__all__ = ["SAVE_FIRST", "build"]

CHOOSE = "Choose an article; its introduction becomes a draft with its address and revision (CC BY-SA)."
SAVE_FIRST = "Drafts belong to a label. Select one, or save the new one first; its name is enough."
AMBIGUOUS = "{} means several things. Choose the one that your label means."


def build(services: Services, bar: ProjectBar, editor: LabelEditor, made: gr.State) -> list[Any]:
    """Lay out the source and return its contact and language; a new draft raises the number in `made`."""
    found = gr.State([])  # articles as they are listed
    with gr.Row(elem_classes="lg-bottom"):
        query = gr.Textbox(label="Search for", placeholder="the label's name", min_width=160, elem_id="wikipedia-query")
        language = gr.Textbox(
            label="Language", value="en", max_length=16, min_width=80, scale=0, elem_id="wikipedia-language"
        )
        contact = gr.Textbox(
            label="Your e-mail or web address",
            value=services.settings.contact,
            placeholder="Wikipedia asks who calls",
            min_width=180,
            elem_id="wikipedia-contact",
        )
        search = gr.Button("Search", size="sm", min_width=90, elem_id="wikipedia-search")
    told = gr.HTML(elem_id="wikipedia-told")
    articles = markup.clickable("wikipedia-articles")
    listed = [told, articles, found]

    def look(project_id: int, words: str, name: str, contact: str, language: str) -> tuple[Any, ...]:
        articles = services.drafts.search(
            require_project(project_id), words.strip() or name, contact=contact, language=language
        )
        return markup.note(CHOOSE, "plain"), _table(articles), articles

    def choose(
        project_id: int, key: int | None, articles: list[Any], contact: str, language: str, author: str, count: int,
        event: gr.EventData,
    ) -> tuple[Any, ...]:  # fmt: skip
        # Gradio finds the event by its annotation, so no annotation here may name what is only imported for types.
        place = int(event.key)
        if place >= len(articles):
            raise AppError("Search again; the list has changed.")
        article = articles[place]
        if article.ambiguous:
            meant = services.drafts.meanings(project_id, article.title, contact=contact, language=language)
            return markup.note(AMBIGUOUS.format(article.title), "warning"), _table(meant), meant, count
        if key is None:
            raise AppError(SAVE_FIRST)
        services.drafts.seed(key, article.title, author_name(author), contact=contact, language=language)
        gr.Info(html.escape(f"The introduction of {article.title} is a draft now."))
        return gr.skip(), gr.skip(), gr.skip(), count + 1

    asked = [contact, language]
    for event in (search.click, query.submit):
        on(event, look, [bar.project, query, editor.name, *asked], listed, show_progress_on=told)
    on(articles.select, choose, [bar.project, editor.label_id, found, *asked, bar.author, made], [*listed, made],
       show_progress_on=told)  # fmt: skip
    on(editor.label_id.change, lambda: ("", "", "", []), None, [query, *listed], show_progress="hidden")
    return asked


def _table(articles: list[Article]) -> str:
    rows = (
        markup.Row(
            [article.title, "several meanings: choose one" if article.ambiguous else article.first_sentence],
            kind="lg-abstained" if article.ambiguous else "",
            key=place,
        )
        for place, article in enumerate(articles)
    )
    return markup.table(("Article", "First sentence"), rows, empty="")
