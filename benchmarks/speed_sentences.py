"""What the results files of speed and memory say, a sentence each, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paper_tables import origin

__all__ = ["SENTENCES"]


def workbench(content: Mapping[str, Any]) -> str:
    return (
        f"**The workbench**, {origin(content)}: first page "
        f"{content['first_page_seconds']} s after its start; {content['app_mb_without_a_model']} MB without a loaded "
        f"model; {content['demo_training_seconds']:.0f} s from *Start training* on the demo project to the active "
        f"model, the training process using at most {content['demo_training_peak_mb']:,} MB.\n"
    )


def decoding(content: Mapping[str, Any]) -> str:
    ratios = "; ".join(
        f"{row['ratio']:.1f} times as fast at batch size {row['batch_size']} "
        f"({row['documents_per_second_free_running']:.1f} against {row['documents_per_second_greedy']:.1f} a second, "
        f"{row['passes_per_document']:.2f} decoder passes for {row['slots_per_document']:.0f} tokens a document)"
        for row in content["batches"]
    )
    last = content["batches"][-1]
    beside = ""
    if "documents_per_second_encoder_only" in last:
        beside = (
            f" At batch size {last['batch_size']} a classifier with a sigmoid layer on the same encoder reaches "
            f"{last['documents_per_second_encoder_only']:.0f} documents/s: free-running generation has "
            f"{last['free_running_over_encoder_only']:.2f} of its rate, constrained generation "
            f"{last['constrained_over_encoder_only']:.2f}, naming the same labels as free-running for "
            f"{last['constrained_agreement']:.1%} of the documents."
        )
    return (
        f"**Generation, {content['collection']}**, {origin(content)}, "
        f"{content['documents']} documents, against transformers' greedy `generate` with cache, identical tokens: "
        f"{ratios}.{beside}\n"
    )


def training(content: Mapping[str, Any]) -> str:
    return (
        f"**Training**, {origin(content)}, {content['documents']} documents of "
        f"{content['collection']}: {content['documents_per_second']:.1f} documents/s in {content['precision']}, "
        f"{content['ratio']:.2f} times the rate of transformers' `Seq2SeqTrainer` with its defaults on the same model, "
        "batch size and loss.\n"
    )


def scaling(content: Mapping[str, Any]) -> str:
    lengths = ", ".join(f"{row['passes']:.2f} at {row['tokens']}" for row in content["lengths"])
    labels = ", ".join(f"{row['documents_per_second']:.0f} at {row['labels']:,}" for row in content["labels"])
    return (
        f"**Growing label sets**, {origin(content)}: decoder passes a document by tokens "
        f"of a description: {lengths}; documents/s by number of labels: {labels}.\n"
    )


def precision(content: Mapping[str, Any]) -> str:
    return (
        f"**Number format**, {origin(content)}: a training step takes "
        f"{content['seconds_a_step']['float32']} s in float32 and {content['seconds_a_step']['bfloat16']} s under "
        "bfloat16 autocast.\n"
    )


def studio(content: Mapping[str, Any]) -> str:
    return (
        f"**The studio**, {origin(content)}: {content['typing_to_lint_seconds']:.2f} s "
        f"from a word typed to the checks shown with {content['labels_linted']:,} labels; "
        f"{content['collisions_seconds']:.2f} s for the collision map of {content['labels_compared']:,}; "
        f"{content['what_if_seconds']:.2f} s to try a wording on {content['documents_tried']:,} documents.\n"
    )


def matching(content: Mapping[str, Any]) -> str:
    index = content["approximate"]
    return (
        f"**Matching**, {origin(content)}: {content['sentences']:,} sentences against "
        f"{content['labels']:,} labels of dimension {content['dimension']:,}, label, runner-up and threshold decided, "
        f"at {content['rate_of_the_product']:.2f} of the rate of the bare product `A @ B.T`, "
        f"{content['times_sentence_by_sentence']:.1f} times as fast as sentence by sentence and "
        f"{content['times_pair_by_pair']:.0f} times as fast as pair by pair, in {content['extra_mb']:.0f} MB of extra "
        f"memory. The approximate index on {index['labels']:,} labels: {index['times_exact']:.1f} times as fast, "
        f"recall {index['recall']:.3f} (runner-up {index['recall_of_the_runner_up']:.3f}).\n"
    )


def streaming(content: Mapping[str, Any]) -> str:
    few, many = content["sizes"]
    return (
        f"**Files of any size**, {origin(content)}: {many['documents']:,} documents take "
        f"{content['times_the_time']:.1f} times the time of {few['documents']:,} and {content['times_the_memory']:.2f} "
        f"times their memory ({many['peak_mb']:,} MB), {many['documents'] / many['seconds']:.0f} documents/s.\n"
    )


def app_latency(content: Mapping[str, Any]) -> str:
    return (
        f"**One pasted text**, {origin(content)}, through gradio_client, warm: "
        f"{content['p50_ms']} ms (median), {content['p95_ms']} ms (95th percentile).\n"
    )


def page(content: Mapping[str, Any]) -> str:
    waits = ", ".join(f"{action} {seconds:.1f} s" for action, seconds in content["seconds"].items())
    return (
        f"**In the browser**, {origin(content)}, from the click to what was asked for: "
        f"{waits}; opening the page sends {content['events_at_opening']} events.\n"
    )


def inference(content: Mapping[str, Any]) -> str:
    variants = "; ".join(
        f"{row['variant']} {row['times_float32_32']:.2f} / {row['times_float32_1']:.2f} "
        f"({row['micro_f1']:.4f} / {row['macro_f1']:.4f}, {row['same_labels']:.1%})"
        for row in content["variants"]
    )
    return (
        f"**Engines**, {origin(content)}: times the rate of float32 at batch size 32 / 1, "
        f"with dev micro / macro-F1 on {content['collection']} and the share of its {content['documents']} documents "
        f"that get the same labels: {variants}.\n"
    )


SENTENCES = {
    "workbench": workbench, "decoding": decoding, "precision": precision, "matching": matching,
    "training": training, "scaling": scaling, "streaming": streaming, "app_latency": app_latency,
    "page": page, "inference": inference, "studio": studio,
}  # fmt: skip
