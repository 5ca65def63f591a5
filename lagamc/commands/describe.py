"""lagamc describe: descriptions checked, compared and drafted on the command line."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagamc.commands.terminal import add_columns, add_json, at_least, columns, labelled
from lagamc.corpus import Corpus, read_splits
from lagamc.datasets import read_descriptions
from lagamc.errors import BackboneError, DatasetError, LabelError, LagamcError, few
from lagamc.labels import one_line

if TYPE_CHECKING:
    from lagamc.descriptions.refine import Request
    from lagamc.descriptions.scaffold import TermTable
    from lagamc.encoder import SentenceEncoder

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command and its actions to the parser."""
    command = commands.add_parser("describe", help="check descriptions, find rivals, draft new ones")
    actions = command.add_subparsers(required=True, metavar="ACTION")

    check = actions.add_parser("check", help="findings and the nearest rival of every description")
    _add_labels(check)
    check.add_argument("--documents", type=Path, metavar="FILE", help="labelled documents, to name what tells apart")
    check.add_argument("--separator", default="[unused0]", help="what stands between descriptions (%(default)s)")
    check.add_argument(
        "--max-tokens", type=at_least(4), default=64, help="budget of a description (default: %(default)s)"
    )
    add_columns(check, labels=True)
    check.set_defaults(run=run_check)

    scaffold = actions.add_parser("scaffold", help="drafts from documents alone")
    _add_labels(scaffold)
    _add_documents(scaffold)
    scaffold.set_defaults(run=run_scaffold)

    wikipedia = actions.add_parser("wikipedia", help="candidates for a name, or the introduction of an article")
    wikipedia.add_argument("name", help="words to search for; with --article the exact title")
    wikipedia.add_argument("--contact", default=os.environ.get("LAGAMC_CONTACT", ""), help="your e-mail or web address")
    wikipedia.add_argument("--language", default="en", help="language of Wikipedia (default: %(default)s)")
    wikipedia.add_argument("--article", action="store_true", help="print a draft of the article of that title")
    wikipedia.add_argument(
        "--max-tokens", type=at_least(4), default=64, help="budget of the draft (default: %(default)s)"
    )
    add_json(wikipedia)
    wikipedia.set_defaults(run=run_wikipedia)

    refine = actions.add_parser("refine", help="drafts by a chat model; the key comes from the environment")
    _add_labels(refine)
    _add_documents(refine)
    refine.add_argument("--model", required=True, metavar="NAME", help="name of the chat model")
    refine.add_argument("--base-url", default=os.environ.get("LAGAMC_CHAT_URL", "https://api.openai.com/v1"),
        help="OpenAI-compatible address (default: LAGAMC_CHAT_URL, or OpenAI)")  # fmt: skip
    refine.add_argument("--dataset", required=True, metavar="TEXT", help="what the collection holds, in a sentence")
    refine.add_argument("--unit", default="Text", help="what a document is called (default: %(default)s)")
    refine.add_argument("--only", nargs="+", metavar="LABEL", help="these labels (default: all)")
    refine.add_argument("--answer-tokens", type=int, default=200, metavar="N",
        help="longest answer, in tokens (default: %(default)s)")  # fmt: skip
    refine.add_argument("--cap-tokens", type=at_least(1), metavar="N", help="stop before this many tokens")
    refine.add_argument("--dry-run", action="store_true", help="print the prompts and send nothing")
    refine.set_defaults(run=run_refine)


def run_check(options: argparse.Namespace) -> None:
    from lagamc.descriptions.collisions import collisions
    from lagamc.descriptions.lint import LintRules, Others, lint

    labels = read_descriptions(options.labels)
    names, texts = list(labels), list(labels.values())
    encoder = _encoder(options)
    rules = LintRules(
        separator=options.separator, max_tokens=options.max_tokens, trainable_tokens=encoder.max_tokens - 2
    )
    rows = encoder.encode(texts).numpy()
    described = [position for position, text in enumerate(texts) if text]
    pairs = collisions(rows[described]).rivals if described else ()
    rivals = {described[pair.label]: (names[described[pair.rival]], pair.cosine) for pair in pairs}
    table = _terms(names, _documents(options, names)) if options.documents else None
    wrong = 0
    for position, (name, text) in enumerate(labels.items()):
        rest = [other for other in described if other != position]
        found = lint(
            text,
            Others([names[i] for i in rest], [texts[i] for i in rest], rows[rest]),
            rules=rules,
            embed=lambda texts: encoder.encode(texts).numpy(),
            count_tokens=encoder.count_tokens,
            tells_apart=lambda row, own=position, rest=rest: table.against(own, rest[row]) if table else (),  # type: ignore[misc]
        )
        wrong += any(finding.severity == "error" for finding in found)
        rival = rivals.get(position)
        if options.json:
            figures = {"name": rival[0], "cosine": rival[1]} if rival else None
            findings = [dataclasses.asdict(finding) for finding in found]
            print(json.dumps({"label": name, "rival": figures, "findings": findings}, ensure_ascii=False))
            continue
        print(f"{name}  (nearest: {rival[0]}, {rival[1]:.3f})" if rival else name)
        for finding in found:
            print(f"  {finding.severity}: {finding.message} {finding.fix}")
            if finding.fixed:
                print(f"    > {finding.fixed}")
    if wrong:
        raise LabelError(f"{wrong:,} of {len(labels):,} descriptions hold an error, as it stands above. Mend them.")


def run_scaffold(options: argparse.Namespace) -> None:
    from lagamc.descriptions.scaffold import assemble, candidate_sentences, typical_sentences

    names = list(read_descriptions(options.labels))
    corpus = _documents(options, names)
    table, encoder = _terms(names, corpus), _encoder(options)
    for position, name in enumerate(names):
        texts = [example.text for example in corpus if name in example.labels]
        sentences = candidate_sentences(texts)
        typical: tuple[str, ...] = ()
        if sentences:
            centroid = encoder.encode(texts[:400]).numpy().mean(axis=0)
            typical = typical_sentences(sentences, encoder.encode(sentences).numpy(), centroid)
        _print_draft(options, name, assemble(name, table.distinctive(position), typical).text)


def run_wikipedia(options: argparse.Namespace) -> None:
    from lagamc.descriptions.wikipedia import WIKIPEDIA_URL, WikipediaProvider
    from lagamc.descriptions.wikipedia_client import WikipediaClient
    from lagamc.encoder import SentenceEncoder

    url = os.environ.get("LAGAMC_WIKIPEDIA_URL", WIKIPEDIA_URL)
    provider = WikipediaProvider(WikipediaClient(contact=options.contact, language=options.language, url=url))
    if options.article:
        seed = provider.seed(options.name, budget=options.max_tokens, count_tokens=SentenceEncoder.load().count_tokens)
        print(json.dumps({"text": seed.text, **seed.provenance}, ensure_ascii=False) if options.json else seed.text)
        print(f"lagamc: {seed.url}, revision {seed.revision}. {seed.provenance['licence']}.", file=sys.stderr)
        return
    for article in provider.search(options.name):
        if options.json:
            print(json.dumps(dataclasses.asdict(article), ensure_ascii=False))
        else:
            print(f"{article.title}{' (list of meanings)' if article.ambiguous else ''}\t{article.first_sentence}")


def run_refine(options: argparse.Namespace) -> None:
    from lagamc.descriptions.chat import ChatModel, ChatSettings, key_from_environment
    from lagamc.descriptions.refine import Budget, refine_all

    labels = read_descriptions(options.labels)
    corpus = _documents(options, labels)
    settings = ChatSettings(
        model=options.model,
        base_url=options.base_url,
        key=key_from_environment(),
        max_tokens=options.answer_tokens,
    )
    requests = _requests(options, labels, corpus)
    if options.dry_run:
        for request in requests:
            print(
                json.dumps(dataclasses.asdict(request), ensure_ascii=False) if options.json else f"{request.prompt}\n"
            )
        return
    print(f"lagamc: {len(requests)} prompts with up to two documents each go to {settings.base_url}", file=sys.stderr)
    budget, drafted = Budget(max_tokens=options.cap_tokens), 0
    for outcome in refine_all(ChatModel(settings), requests, budget=budget):
        for draft in outcome.drafts:
            _print_draft(options, outcome.label, draft.text)
        drafted += bool(outcome.drafts)
        if outcome.error:
            print(f"lagamc: {outcome.label}: {outcome.error}", file=sys.stderr)
    print(f"lagamc: {'at most ' if budget.estimated else ''}{budget.tokens:,} tokens spent", file=sys.stderr)
    if missing := len(requests) - drafted:
        raise LagamcError(f"{missing} of {len(requests)} labels got no draft; the reasons stand above.")


def _requests(options: argparse.Namespace, labels: Mapping[str, str], corpus: Corpus) -> list[Request]:
    from lagamc.descriptions.examples import pick_examples
    from lagamc.descriptions.prompt import Example, refinement_prompt
    from lagamc.descriptions.refine import Request

    names = list(dict.fromkeys(map(one_line, options.only or labels)))
    if unknown := [name for name in names if name not in labels]:
        raise LabelError(f"{options.labels.name} has no label {unknown[0]!r}. It has {few(list(labels))}.")
    encoder = _encoder(options)
    requests = []
    for name in names:
        carrying = [example for example in corpus if name in example.labels]
        chosen = pick_examples(encoder.encode([example.text for example in carrying[:400]]).numpy()) if carrying else []
        examples = [Example(carrying[row].text, carrying[row].labels) for row in chosen]
        prompt = refinement_prompt(
            label=name, description=labels[name], dataset=options.dataset, examples=examples, unit=options.unit
        )
        requests.append(Request(name, prompt))
    return requests


def _documents(options: argparse.Namespace, known: Iterable[str]) -> Corpus:
    """Those of a file that are not in test, which is kept to measure on: a description must not be made from it."""
    path: Path = options.documents
    parts = read_splits(path, columns(options, head=None, known=known, path=path), known=known)
    parts.pop("test", None)
    if not parts:
        raise DatasetError(f"All documents of {path.name} are test documents. Give those that are trained on.")
    corpus = labelled(Corpus(example for part in parts.values() for example in part), path)
    carried = corpus.label_counts()
    if missing := [name for name in known if name not in carried]:
        print(
            f"lagamc: no document of {path.name} carries {few(missing)}; its documents carry {few(sorted(carried))}. "
            "Names count letter by letter.",
            file=sys.stderr,
        )
    return corpus


def _add_labels(command: argparse.ArgumentParser) -> None:
    command.add_argument("labels", type=Path, metavar="LABELS_FILE", help="JSON of {name: description}")
    command.add_argument("--encoder", type=Path, metavar="FOLDER", help="sentence encoder (default: the built-in one)")
    add_json(command)


def _add_documents(command: argparse.ArgumentParser) -> None:
    command.add_argument("documents", type=Path, metavar="FILE", help=".csv, .tsv or .jsonl with labels, plain or .gz")
    add_columns(command, labels=True)


def _encoder(options: argparse.Namespace) -> SentenceEncoder:
    from lagamc.encoder import SentenceEncoder

    if options.encoder and not options.encoder.is_dir():
        raise BackboneError(
            f"--encoder {options.encoder}: there is no such folder. Give that of a sentence transformer, or none."
        )
    return SentenceEncoder.load(options.encoder)


def _terms(names: Sequence[str], corpus: Corpus) -> TermTable:
    from lagamc.descriptions.scaffold import TermTable

    positions = {name: position for position, name in enumerate(names)}
    carried = [[positions[name] for name in example.labels if name in positions] for example in corpus]
    return TermTable([example.text for example in corpus], carried, len(names))


def _print_draft(options: argparse.Namespace, label: str, text: str) -> None:
    print(json.dumps({"label": label, "draft": text}, ensure_ascii=False) if options.json else f"{label}\t{text}")
