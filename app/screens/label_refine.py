"""A chat model as a source of drafts: connection, examples, the prompt as it will be sent, and several answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.components import markup
from app.components.events import MEASURING, on
from app.components.project_bar import author_name
from app.errors import AppError
from lagamc.descriptions.chat import ChatSettings, key_from_environment
from lagamc.descriptions.refine import Budget, checked_drafts
from lagamc.errors import ConfigError

if TYPE_CHECKING:
    from app.components.project_bar import ProjectBar
    from app.container import Services
    from app.screens.label_editor import LabelEditor

__all__ = ["ChatConnection", "at_most", "build", "spent"]

NO_LABEL = "Select a label in the table first."
ANOTHER = "Nothing was done: that prompt is not the open label's. Build its own first."
KEPT = (
    "You changed the prompt, so it stays as it is, without that example. 'Build the prompt' writes it anew with the "
    "examples chosen, and your changes go."
)
LEFT = "The prompt that you changed is kept until you open its label again."
EXCERPT = 110


@dataclass(frozen=True, slots=True)
class ChatConnection:
    """The fields that say which model is asked and how; `read` turns their values into settings.

    The environment's key goes to the environment's own address and to no other that somebody types.
    """

    fields: list[Any]
    unit: gr.Textbox
    own_url: str

    def read(
        self,
        url: str,
        model: str,
        key: str,
        temperature: float | None,
        drafts: float | None,
        longest: float | None,
        price_in: str,
        price_out: str,
    ) -> tuple[ChatSettings, int]:
        """Return the settings, and how many drafts are wanted; an empty price is unknown. Raises ConfigError."""
        if temperature is None:
            raise ConfigError("Type a temperature, a number between 0 and 2.")
        settings = ChatSettings(
            model=model.strip(),
            base_url=url.strip(),
            key=key.strip() or (key_from_environment() if url.strip() == self.own_url else ""),
            temperature=temperature,
            max_tokens=int(longest or 0),
            price_in=_price(price_in),
            price_out=_price(price_out),
        )
        return settings, checked_drafts(int(drafts or 0))


def build(services: Services, bar: ProjectBar, editor: LabelEditor, made: gr.State) -> ChatConnection:
    """Lay out the source; new drafts raise the number in `made`."""
    offered = gr.State([])
    built = gr.State("")  # the prompt as it was written here; what differs from it a person changed
    picked = gr.State((None, None))  # the two chosen: what the page says of them may be of the label before
    left = gr.State({})  # {label id: examples, the two chosen, prompt and `built`} of prompts that a person changed
    # The server may be ahead of the page, whose prompt is then that of the label before: it says itself of which.
    of = gr.Number(visible=False, precision=0)
    # every text has a value: another panel reads these before anybody opens this one, and would get None
    with gr.Row(elem_classes="lg-bottom"):
        url = gr.Textbox(label="Address (OpenAI-compatible)", value=services.settings.chat_url, min_width=220,
                         elem_id="chat-url")  # fmt: skip
        model = gr.Textbox(label="Model", value=services.settings.chat_model, min_width=120, elem_id="chat-model")
        key = gr.Textbox(
            "",
            label="Key",
            type="password",
            placeholder="from the environment" if key_from_environment() else "none",
            min_width=120,
            elem_id="chat-key",
        )
    with gr.Row(elem_classes="lg-bottom"):
        # numbers without limits of their own: gradio would refuse without naming the field, and while one is typed
        temperature = gr.Number(label="Temperature", value=0.7, step=0.1, min_width=110, elem_id="chat-temperature")
        drafts = gr.Number(label="Drafts", value=1, precision=0, min_width=80, elem_id="chat-drafts")
        longest = gr.Number(label="Longest answer, tokens", value=200, precision=0, min_width=110,
                            elem_id="chat-longest")  # fmt: skip
        # texts, because a number that nobody typed would show and mean 0
        price_in = gr.Textbox("", label="Price, million tokens in", placeholder="unknown", min_width=120,
                              max_length=20, elem_id="price-in")  # fmt: skip
        price_out = gr.Textbox("", label="Price, million tokens out", placeholder="unknown", min_width=120,
                               max_length=20, elem_id="price-out")  # fmt: skip
        unit = gr.Textbox(label="A document is a", value="Text", max_length=40, min_width=90, elem_id="chat-unit")
    with gr.Row(elem_classes="lg-bottom"):
        first = gr.Dropdown([], label="First example", min_width=220, elem_id="example-first")
        second = gr.Dropdown([], label="Second example", min_width=220, elem_id="example-second")
        write = gr.Button("Build the prompt", size="sm", min_width=120, elem_id="prompt-build")
    prompt = gr.Textbox(
        label="The prompt, exactly as it will be sent", lines=8, max_lines=20, elem_id="prompt-text", visible=False
    )
    estimate = gr.HTML(elem_id="refine-estimate")
    with gr.Row():
        send = gr.Button("Send and keep the answers as drafts", variant="primary", size="sm", visible=False, scale=0,
                         min_width=260, elem_id="prompt-send")  # fmt: skip
    told = gr.HTML(elem_id="refine-told")
    connection = ChatConnection(
        [url, model, key, temperature, drafts, longest, price_in, price_out], unit, services.settings.chat_url
    )

    def begin(
        label_id: int | None, word: str, current: str, found: list[Any], pair: tuple[int | None, int | None]
    ) -> tuple[Any, ...]:
        """Offer examples, the two best ones chosen, or keep those that a person chose, and write the prompt."""
        if label_id is None:
            raise AppError(NO_LABEL)
        if not found:
            found = services.drafts.examples(label_id)
            pair = (*(example.document_id for example in found[:2]), None, None)[:2]
        return found, *_choices(found, *pair), label_id, pair, *written_with(label_id, word, current, found, *pair)

    def written_with(label_id: int, word: str, current: str, found: list[Any], *chosen: int | None) -> tuple[Any, ...]:
        by_id = {example.document_id: example for example in found}
        examples = [by_id[key] for key in chosen if key in by_id]
        text = services.drafts.prompt(label_id, examples=examples, unit=word, description=current)
        return _shown(text, text)

    def turn_to(
        label_id: int | None, kept: dict[int, tuple[Any, ...]], of: int | None, found: list[Any],
        pair: tuple[int | None, int | None], text: str, before: str,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Keep a changed prompt of the label that is left, and bring back that of the one that is opened, if any."""
        if of is not None and label_id == of:
            return tuple(gr.skip() for _ in (left, *panel))
        if of is not None and text != before:
            kept = {**kept, of: (found, pair, text, before)}
            gr.Info(LEFT)
        if label_id not in kept:
            empty = gr.Dropdown(choices=[], value=None)
            nothing = gr.Textbox(value="", visible=False), gr.Button(visible=False), "", ""
            return kept, [], empty, empty, None, (None, None), *nothing
        found, pair, text, before = kept[label_id]
        rest = {key: value for key, value in kept.items() if key != label_id}
        return rest, found, *_choices(found, *pair), label_id, pair, *_shown(text, before)

    def rewrite(label_id: int | None, *values: Any) -> tuple[Any, ...]:
        """Put a chosen example in, unless a person changed the prompt."""
        *values, of, text, before = values
        refuse_another(label_id, of)
        pair = tuple(values[-2:])
        if text != before:
            return pair, gr.skip(), gr.skip(), markup.note(KEPT, "warning"), gr.skip()
        return pair, *written_with(label_id, *values)

    def estimated(text: str, *fields: Any) -> str:
        if not text.strip():
            return ""
        try:
            settings, wanted = connection.read(*fields)
        except ConfigError as error:
            return markup.note(error, "plain")
        worst = settings.worst(text)
        cost = None if worst.cost is None else wanted * worst.cost
        return markup.note(at_most(wanted, wanted * worst.tokens, cost), "plain")

    def refuse_another(label_id: int | None, of: int | None) -> None:
        if label_id is None:
            raise AppError(NO_LABEL)
        if label_id != of:
            raise AppError(ANOTHER)

    def ask(label_id: int | None, of: int | None, text: str, author: str, count: int, *fields: Any) -> tuple[Any, ...]:
        refuse_another(label_id, of)
        settings, wanted = connection.read(*fields)
        budget = Budget()
        outcome = services.drafts.refine(
            label_id, text, author_name(author), settings=settings, drafts_wanted=wanted, budget=budget
        )
        told = f"{len(outcome.drafts)} of {wanted} drafts · {spent(budget, settings)}"
        remark = markup.note(told, "done" if outcome.drafts else "plain")
        return remark + markup.note(outcome.error or "", "error"), count + bool(outcome.drafts)

    written = [prompt, send, told, built]
    asked = [editor.label_id, unit, editor.description, offered]
    panel = [offered, first, second, of, picked, *written]
    on(write.click, begin, [*asked, picked], panel, show_progress_on=told, **MEASURING)
    on([first.input, second.input], rewrite, [*asked, first, second, of, prompt, built], [picked, *written],
       show_progress="hidden")  # fmt: skip
    on(send.click, ask, [editor.label_id, of, prompt, bar.author, made, *connection.fields], [told, made],
       show_progress_on=told)  # fmt: skip
    typed = [prompt, *connection.fields]
    on([box.change for box in typed], estimated, typed, estimate, show_progress="hidden")
    for turn in ({}, MEASURING):  # at once, and again behind a prompt that is on its way
        on(editor.label_id.change, turn_to, [editor.label_id, left, of, offered, picked, prompt, built],
           [left, *panel], show_progress="hidden", **turn)  # fmt: skip
    return connection


def _choices(found: list[Any], *chosen: int | None) -> list[gr.Dropdown]:
    choices = [(_excerpt(example.text), example.document_id) for example in found]
    return [gr.Dropdown(choices=choices, value=key) for key in chosen]


def _shown(text: str, built: str) -> tuple[Any, ...]:
    return gr.Textbox(value=text, visible=True), gr.Button(visible=True), "", built


def at_most(drafts: int, tokens: int, cost: float | None) -> str:
    """What asking for drafts may take, in words."""
    said = f"cost {cost:.4f}" if cost is not None else "cost unknown until both prices are typed"
    return f"Estimate for {drafts:,} {'draft' if drafts == 1 else 'drafts'}: at most {tokens:,} tokens, {said}."


def spent(budget: Budget, settings: ChatSettings) -> str:
    """What was spent, in words."""
    most = "at most " if budget.estimated else ""
    return f"{most}{budget.tokens:,} tokens, " + (f"cost {budget.cost:.5f}" if settings.priced else "cost unknown")


def _price(typed: str) -> float | None:
    """Return a price, or None for a field left empty. Raises ConfigError for anything but a number from 0 up."""
    if not typed.strip():
        return None
    try:
        price = float(typed)
    except ValueError:
        price = math.nan
    if not 0 <= price < math.inf:
        raise ConfigError(f"{typed.strip()!r} is no price. Type a number like 0.15, or leave it empty where unknown.")
    return price


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[:EXCERPT].rstrip()}…"
