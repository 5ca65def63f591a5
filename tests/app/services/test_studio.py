"""The studio on a small collection: lint, rivals, drafts, what-if, and what leaves the machine."""

from __future__ import annotations

import itertools

import pytest
from chat_server import KEY, completion, until
from small_collection import DESCRIPTIONS, WORDS, Collection
from tiny_models import build_tiny_embedded

from app.container import build
from app.errors import AppError
from app.screens import label_versions
from app.services import terms
from app.services.preparation import LOOKED_AT
from app.services.terms import Terms, label_documents
from lagamc.descriptions.refine import Budget
from storage import drafts as drafts_table
from storage import evidence, predictions
from storage.errors import StaleWrite
from storage.models import PredictedSentence


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project with a tiny model as version 1, and all services on it."""
    folder = tmp_path_factory.mktemp("studio")
    backbone = build_tiny_embedded(folder / "encoder", DESCRIPTIONS.values())
    collection = Collection(folder / "data")
    collection.add_documents()
    run = collection.finish(
        collection.training.start(collection.project_id, {"backbone": str(backbone), "epochs": 2, "batch_size": 4}, "a")
    )
    assert run.status == "completed", run.error
    collection.services = build(collection.settings)
    yield collection
    collection.services.close()
    collection.close()


def test_lint_names_the_rival_and_the_tokens(untrained):
    """A label is not its own rival; a new label is compared with all."""
    studio, project, noise = untrained.services.studio, untrained.project_id, untrained.label_ids["noise"]
    view = studio.lint(project, noise, DESCRIPTIONS["noise"])
    assert view.rival in {"bins", "water"}
    assert 5 <= view.tokens <= 10
    assert "duplicate" in [finding.code for finding in studio.lint(project, None, DESCRIPTIONS["noise"]).findings]
    assert [finding.code for finding in studio.lint(project, noise, " ").findings] == ["empty"]


def test_a_text_that_comes_nearer_to_a_rival_is_warned_of_with_figures(untrained):
    """What is no nearer than before, or below the threshold, is not."""
    studio, project, noise = untrained.services.studio, untrained.project_id, untrained.label_ids["noise"]
    assert studio.nearer(project, noise, DESCRIPTIONS["noise"]) == ""
    warning = studio.nearer(project, noise, "A leak of loud water is reported.")
    assert "'water'" in warning
    assert "It was 0." in warning
    assert studio.nearer(project, noise, "Jazz concerts with trumpets.") == ""


def test_rivals_come_nearest_first(untrained):
    view = untrained.services.studio.collisions(untrained.project_id)
    assert [row.cosine for row in view.rows] == sorted((row.cosine for row in view.rows), reverse=True)
    assert view.cosines.shape == (3, 3)
    assert all(row.confused is None for row in view.rows)


def test_a_draft_counts_only_once_it_is_accepted(untrained):
    """Source and provenance go into the version; a decided draft cannot be decided again."""
    drafts, labels = untrained.services.drafts, untrained.services.labels
    noise = untrained.label_ids["noise"]
    first = drafts.add(noise, "Music and  machines.", source="wikipedia", author="ann", provenance={"title": "Noise"})
    second = drafts.add(noise, "Loud neighbours.", source="refined", author="ann")
    assert labels.versions(noise, limit=1)[0].text == DESCRIPTIONS["noise"]
    assert drafts.open_counts(untrained.project_id) == {noise: 2}
    assert drafts.accept(first, "ben", text="Music and machines at night.", expected_version=1) == 2
    version = labels.versions(noise, limit=1)[0]
    assert (version.text, version.author) == ("Music and machines at night.", "ben")
    assert (version.source, version.note, version.provenance) == ("wikipedia", "edited by hand", {"title": "Noise"})
    with pytest.raises(StaleWrite, match="accepted"):
        drafts.accept(first, "cleo")
    drafts.discard(second)
    assert drafts.list(noise) == []


def test_a_draft_that_reads_as_the_description_is_accepted_without_a_new_version(untrained):
    """It is decided all the same; the draft of another label is refused."""
    drafts, labels = untrained.services.drafts, untrained.services.labels
    noise, bins = untrained.label_ids["noise"], untrained.label_ids["bins"]
    draft = drafts.add(noise, DESCRIPTIONS["noise"], source="refined", author="ann")
    with pytest.raises(AppError, match="not one of 'bins'"):
        labels.save(bins, "bins", "Bins are full.", "ann", draft_id=draft)
    assert drafts.accept(draft, "ben") == 1
    assert drafts.list(noise) == []


def test_a_text_that_began_as_a_draft_is_saved_though_the_draft_was_decided(untrained):
    """It keeps where it came from, and the decision stands."""
    drafts, labels = untrained.services.drafts, untrained.services.labels
    noise = untrained.label_ids["noise"]
    draft = drafts.add(noise, "Music and machines.", source="wikipedia", author="ann", provenance={"title": "Noise"})
    drafts.discard(draft)
    assert labels.save(noise, "noise", "Music at night.", "ben", 1, draft_id=draft) == 2
    version = labels.versions(noise, limit=1)[0]
    assert (version.source, version.note, version.provenance) == ("wikipedia", "edited by hand", {"title": "Noise"})
    with pytest.raises(StaleWrite, match="was discarded"):
        drafts.accept(draft, "cleo")


def test_a_draft_shows_what_it_changes(untrained):
    drafts, noise = untrained.services.drafts, untrained.label_ids["noise"]
    drafts.add(noise, "The message reports loud music.", source="person", author="ann")
    (view,) = drafts.list(noise)
    kinds = [(change.kind, change.text) for change in view.changes]
    assert kinds == [("same", "The message reports loud"), ("removed", "noise."), ("added", "music.")]


def test_a_scaffold_is_made_of_the_labels_documents(untrained):
    drafts, noise = untrained.services.drafts, untrained.label_ids["noise"]
    drafts.scaffold(noise, "ann")
    (draft,) = drafts.list(noise)
    assert draft.text.startswith("Scaffold from the data: noise. Typical words are")
    assert {"loud", "noise"} & set(draft.provenance["terms"])
    with pytest.raises(AppError, match="No document outside the test split carries 'trees'"):
        drafts.scaffold(untrained.services.labels.add(untrained.project_id, "trees", "About trees.", "ann"), "ann")


def test_terms_are_counted_once_for_lint_and_scaffold(untrained, monkeypatch):
    """Lint asks without waiting; a scaffold that joins its count gets terms, also of a label not described yet."""
    services, noise = untrained.services, untrained.label_ids["noise"]
    services.labels.add(untrained.project_id, "undescribed", "", "ann")
    counts = []
    monkeypatch.setattr(terms, "label_documents", lambda *held: counts.append(held) or label_documents(*held))
    services.studio.lint(untrained.project_id, noise, DESCRIPTIONS["noise"])
    draft_id = services.drafts.scaffold(noise, "ann")
    services.studio.lint(untrained.project_id, noise, DESCRIPTIONS["noise"])
    (draft,) = [draft for draft in services.drafts.list(noise) if draft.id == draft_id]
    assert draft.provenance["terms"]
    assert len(counts) == 1


def test_a_count_that_fails_gives_no_terms(untrained, monkeypatch, caplog):
    services = untrained.services
    monkeypatch.setattr(terms, "label_documents", lambda *held: 1 / 0)
    assert Terms(services.database).counted(untrained.project_id, wait=True) is None
    assert "were not counted" in caplog.text


def test_an_accepted_draft_does_not_take_a_rename_back(untrained, monkeypatch):
    """Somebody renames the label between the look at the draft and the save."""
    services, bins = untrained.services, untrained.label_ids["bins"]
    draft_id = services.drafts.add(bins, "A bin was not emptied.", source="person", author="ann")
    check = drafts_table.refuse_decided

    def renaming(draft):
        monkeypatch.undo()
        services.labels.save(bins, "waste", DESCRIPTIONS["bins"], "ben")
        check(draft)

    monkeypatch.setattr(drafts_table, "refuse_decided", renaming)
    services.drafts.accept(draft_id, "ann")
    found = services.labels.get(bins)
    assert (found.name, found.description) == ("waste", "A bin was not emptied.")
    services.labels.save(bins, "bins", DESCRIPTIONS["bins"], "ann")


def test_what_one_person_asked_wikipedia_is_not_asked_for_another(untrained, httpserver):
    httpserver.expect_ordered_request("/w").respond_with_json({"query": {"search": [{"title": "Noise"}]}})
    page = {"title": "Noise", "extract": "Noise is sound."}
    httpserver.expect_ordered_request("/w").respond_with_json({"query": {"pages": {"1": page}}})
    for contact in ("ada@example.org", "ben@example.org"):
        found = untrained.services.drafts.search(untrained.project_id, "noise", contact=contact, language="en")
        assert [article.title for article in found] == ["Noise"]
    assert len(httpserver.log) == 2


def test_a_seed_from_wikipedia_keeps_its_source(untrained, httpserver):
    page = {"title": "Noise", "extract": "Noise is sound. It is loud.", "lastrevid": 7, "fullurl": "https://x/Noise"}
    httpserver.expect_request("/w").respond_with_json({"query": {"search": [{"title": "Noise"}], "pages": {"1": page}}})
    drafts, noise = untrained.services.drafts, untrained.label_ids["noise"]
    options = {"contact": "ann@example.org", "language": "en"}
    (article,) = drafts.search(untrained.project_id, "noise", **options)
    drafts.seed(noise, article.title, "ann", **options)
    (draft,) = drafts.list(noise)
    assert draft.text == "Noise is sound. It is loud."
    assert (draft.source, draft.provenance["revision"], draft.provenance["url"]) == ("wikipedia", 7, "https://x/Noise")


def test_the_prompt_is_built_from_the_project(untrained):
    """Two examples that carry the label, and the project's own description."""
    drafts, noise = untrained.services.drafts, untrained.label_ids["noise"]
    examples = drafts.examples(noise)
    assert len({example.document_id for example in examples}) == len(examples) == 4
    prompt = drafts.prompt(noise, examples=examples[:2], unit="Message")
    assert prompt.startswith(f"Label: noise\nInitial Description: {DESCRIPTIONS['noise']}\nDataset: Messages to a")
    assert f'Message 2: "{examples[1].text}"\nPrediction: noise\n' in prompt


def test_refined_drafts_are_kept_without_the_key(untrained, httpserver, chat):
    """Also where a later one fails; the key is in no file of the data folder."""
    path = "/v1/chat/completions"
    httpserver.expect_ordered_request(path).respond_with_json(completion("Loud neighbours at night."))
    httpserver.expect_ordered_request(path).respond_with_data("", 500)
    drafts, noise = untrained.services.drafts, untrained.label_ids["noise"]
    outcome = drafts.refine(noise, "the prompt", "ann", settings=chat, drafts_wanted=2, budget=Budget())
    assert "server failed" in outcome.error
    (draft,) = drafts.list(noise)
    assert (draft.text, draft.provenance["prompt"]) == ("Loud neighbours at night.", "the prompt")
    for file in untrained.settings.data_folder.rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes(), file


def test_what_is_refined_from_an_article_names_it(untrained, httpserver, chat):
    """Its licence asks for that, whoever worded it anew."""
    article = {"title": "Noise", "url": "https://en.wikipedia.org/wiki/Noise", "revision": 7, "licence": "CC BY-SA 4.0"}
    drafts, noise = untrained.services.drafts, untrained.label_ids["noise"]
    seed = drafts.add(noise, "Noise is unwanted sound.", source="wikipedia", author="ann", provenance=article)
    drafts.accept(seed, "ann")
    httpserver.expect_request("/v1/chat/completions").respond_with_json(completion("Loud neighbours at night."))
    drafts.refine(noise, "the prompt", "ann", settings=chat, drafts_wanted=1, budget=Budget())
    (draft,) = drafts.list(noise)
    assert article.items() <= draft.provenance.items()
    told = label_versions.origin(draft.source, draft.provenance)
    assert "after Noise, revision 7, https://en.wikipedia.org/wiki/Noise. CC BY-SA 4.0" in told


def test_a_project_can_forbid_that_anything_leaves(untrained, httpserver, chat):
    """Nothing is sent, and the message says how to allow it; nor is anything of a retired one."""
    services, noise = untrained.services, untrained.label_ids["noise"]
    services.projects.set_outside_allowed(untrained.project_id, allowed=False)
    assert not services.outside.notice(untrained.project_id).allowed
    with pytest.raises(AppError, match="forbids"):
        services.drafts.search(untrained.project_id, "noise", contact="a@b.org", language="en")
    with pytest.raises(AppError, match="forbids"):
        services.drafts.refine(noise, "prompt", "ann", settings=chat, drafts_wanted=1, budget=Budget())
    services.projects.set_outside_allowed(untrained.project_id, allowed=True)
    services.projects.retire(untrained.project_id)
    with pytest.raises(AppError, match=r"retired, so nothing of it was sent outside\. Restore it"):
        services.drafts.refine(noise, "prompt", "ann", settings=chat, drafts_wanted=1, budget=Budget())
    assert httpserver.log == []


def test_before_training_only_the_nearest_documents_are_told(untrained):
    """Nothing was generated yet, so nothing can be matched again."""
    what_if, project = untrained.services.what_if, untrained.project_id
    with pytest.raises(AppError, match="not prepared"):
        what_if.try_text(project, None, "Water leaks.")
    assert what_if.prepare(project).status == "running"
    until(lambda: what_if.preparation(project).status == "ready")
    view = what_if.try_text(project, None, "There is a leak of water.")
    assert not view.trained
    assert "water" in view.nearest[0].excerpt
    assert view.micro_f1 is None
    with pytest.raises(AppError, match="no text to try"):
        what_if.try_text(project, None, " ")
    labels = untrained.services.labels.list(project)
    untrained.services.lifecycle.retire(labels[0].id, "ann")
    for label in labels[1:]:
        untrained.services.lifecycle.retire(label.id, "ann")
    with pytest.raises(AppError, match="not in use in the open project"):
        what_if.try_text(project, labels[0].id, "Water leaks.")


MISTAKEN = 2  # a document about water


@pytest.fixture
def spoken(trained):
    """Sentences of the model about all documents but one; two documents have one of their own, and noise unwritten.

    One about water is taken for one about bins.
    """
    own = "loud waste water again please"
    with trained.database.write() as session:
        options = {
            "project_id": trained.project_id,
            "model_version_id": trained.services.models.active(trained.project_id).id,
            "splits": LOOKED_AT,
        }
        for number, document in enumerate(evidence.unpredicted(session, **options, limit=17)):
            name = next(name for name, words in WORDS.items() if words in document.text)
            text = own if number < 2 else DESCRIPTIONS["bins" if number == MISTAKEN else name]
            said = [PredictedSentence(text=text, cosine=0.9, log_probability=-0.1)]
            if number < 2:
                label_id = trained.label_ids["noise"]
                said.append(PredictedSentence(text=DESCRIPTIONS["noise"], label_id=label_id, cosine=0.1))
            predictions.add(
                session,
                document_id=document.id,
                model_version_id=options["model_version_id"],
                threshold=0.4,
                sentences=said,
            )
    return own


def test_sentences_are_generated_once_and_matched_again(trained, spoken, monkeypatch):
    """Test documents are left out, and the rest are counted once; after a restart nothing is made again."""
    services, project = trained.services, trained.project_id
    assert services.what_if.preparation(project).status == "missing"
    count, counted = evidence.unpredicted_total, []
    monkeypatch.setattr(evidence, "unpredicted_total", lambda *a, **n: counted.append(count(*a, **n)) or counted[-1])
    services.what_if.prepare(project)
    view = until(lambda: (v := services.what_if.preparation(project)).status != "running" and v)
    assert counted == [1]
    assert (view.status, view.total) == ("ready", 18), view.error
    noise = trained.label_ids["noise"]
    same = services.what_if.try_text(project, noise, DESCRIPTIONS["noise"])
    assert (same.documents, same.gained, same.lost, same.affected) == (18, 0, 0, ())
    assert same.micro_f1[0] == same.micro_f1[1] > 0
    taken = services.what_if.try_text(project, None, spoken)
    assert taken.gained >= 2
    assert {row.sentence for row in taken.affected[:2]} == {spoken}
    assert all("the new label" in row.labels_after for row in taken.affected)
    assert all({"noise"} <= {*row.labels_before} & {*row.labels_after} for row in taken.affected[:2])
    assert len(taken.nearest) == 10
    found = services.what_if.confused(project, list(itertools.permutations(trained.label_ids.values(), 2)))
    assert all(one.total >= len(one.first) for one in found)
    quoted = [text for one in found for _, text in one.first]
    assert f"train message {MISTAKEN} about the water leak please" in quoted
    assert all(text.startswith(("train message", "dev message")) for text in quoted)

    added = services.labels.add(project, "dogs", "Dogs bark.", "ann")
    view = services.what_if.try_text(project, added, spoken)
    assert (view.trained, view.added, view.changes, view.affected, len(view.nearest)) == (True, True, (), (), 10)
    services.lifecycle.retire(added, "ann")
    blank = services.labels.add(project, "cats", "", "ann")
    view = services.what_if.try_text(project, blank, spoken)
    assert (view.added, view.micro_f1, len(view.nearest)) == (True, None, 10)
    services.lifecycle.retire(blank, "ann")

    again = build(trained.settings)
    try:
        monkeypatch.setattr(predictions, "add", None)
        monkeypatch.setattr(again.what_if._preparation._measuring, "fresh", None)
        again.what_if.prepare(project)
        view = until(lambda: (v := again.what_if.preparation(project)).status != "running" and v)
        assert view.status == "ready", view.error
    finally:
        again.close()
