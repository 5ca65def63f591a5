"""What the paper prints (Khatuya et al., arXiv 2506.06806), as fractions; data sets by the names of docs/data.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

__all__ = [
    "AVERAGES", "CHAT_MODELS", "COUNTS", "ENCODERS", "MATCHERS", "MATCHER_SOURCES", "OURS_3", "OURS_4", "SETS",
    "TABLE_3", "TABLE_4", "TABLE_5", "TABLE_8", "Pair", "counterpart",
]  # fmt: skip

SETS = ("caves", "semeval2018", "reuters", "aapd", "pubmed_mesh")
Pair = tuple[float, float]  # micro-F1, macro-F1
Printed = TypeVar("Printed")

_TABLE_3 = """
BERT              70.36 65.29 70.70 56.30 87.73 34.98 71.30 55.90 85.05 70.99
XLNet             71.61 63.83 58.01 35.31 88.54 51.99 70.07 58.39 85.33 70.81
RoBERTa           71.34 63.82 59.82 40.55 88.27 42.63 69.14 54.88 85.19 70.54
TextCNN           55.48 39.64 54.55 39.51 81.89 33.96 67.71 49.85 82.62 66.4
TextRNN           57.70 42.17 52.42 37.94 81.72 33.26 69.28 52.27 83.11 67.72
StarTransformer   53.86 35.98 51.42 38.96 80.22 36.39 68.22 49.36 82.35 67.35
AttentiveConvNet  54.22 38.15 51.61 37.21 79.77 31.86 68.11 49.21 82.65 66.33
ChatGPT           57.22 44.47 41.61 27.21 69.77 35.86 48.11 29.21 42.65 26.33
AttentionXML      67.12 52.83 61.55 48.32 78.43 43.57 69.01 56.28 84.39 69.11
GalaXC            69.84 56.12 62.34 50.79 81.23 46.39 70.65 58.17 85.91 71.34
SiameseXML        72.16 59.89 65.42 52.84 84.22 48.99 72.48 60.43 86.42 72.98
DEXA              74.81 62.35 66.57 54.32 86.07 51.12 74.21 63.12 87.25 74.22
DeepXML           77.53 65.84 68.76 55.98 88.52 53.79 75.63 64.58 88.41 75.96
Renee             79.46 67.93 71.18 58.43 90.29 66.21 77.82 66.04 89.74 78.12
T5-Base           86.84 71.22 83.12 70.13 90.89 69.23 82.25 71.22 89.87 78.56
T5-Large          88.33 81.89 84.35 72.23 91.12 71.32 84.23 71.59 89.90 79.35
LAGAMC            92.46 89.11 87.81 78.06 96.48 80.85 95.64 88.43 89.93 80.81
"""
_TABLE_4 = """
Ours                      92.46 89.11 87.81 78.06 96.48 80.85 95.64 88.43 89.93 80.81
Ours with threshold       91.46 88.55 86.18 77.60 94.48 76.15 94.46 86.73 89.22 78.91
Llama-2-7B with threshold 90.97 87.13 86.54 77.11 93.62 74.65 93.46 86.11 89.92 79.71
Llama-2-7B w/o threshold  89.67 83.65 84.67 75.65 92.18 72.88 89.12 75.97 86.75 77.45
Mistral-7B with threshold 90.17 86.52 85.54 76.25 95.17 76.43 92.76 86.07 89.67 79.55
Mistral-7B w/o threshold  88.59 82.25 84.45 74.45 93.55 74.15 87.57 74.15 87.65 78.35
"""
_TABLE_5 = """
Ours                  92.46 89.11 87.81 78.06 96.48 80.85 95.64 88.43 89.93 80.81
w/o semantic loss     89.67 85.25 85.53 74.79 94.97 78.12 86.94 73.13 86.77 74.12
w/o label description 67.63 62.98 64.24 54.35 68.24 43.12 65.27 53.28 67.29 53.21
"""
_TABLE_8 = """
BERT                 70.36 65.29 70.70 56.30
BERT + Label Desc.   73.00 67.50 72.20 58.00
DeepXML              77.53 65.84 68.76 55.98
DeepXML + Label Desc. 79.50 67.20 70.12 57.30
"""


def _pairs(table: str) -> dict[str, dict[str, Pair]]:
    """{system: {set: (micro, macro)}}; the numbers stand at the end of each line, two a set."""
    found: dict[str, dict[str, Pair]] = {}
    for line in table.strip().splitlines():
        words = line.split()
        values = [float(word) / 100 for word in words if word.replace(".", "").isdigit() and "." in word]
        name = " ".join(words[: len(words) - len(values)])
        found[name] = {SETS[i]: (values[2 * i], values[2 * i + 1]) for i in range(len(values) // 2)}
    return found


TABLE_3: Mapping[str, Mapping[str, Pair]] = _pairs(_TABLE_3)
TABLE_4: Mapping[str, Mapping[str, Pair]] = _pairs(_TABLE_4)
TABLE_5: Mapping[str, Mapping[str, Pair]] = _pairs(_TABLE_5)
TABLE_8: Mapping[str, Mapping[str, Pair]] = _pairs(_TABLE_8)  # CAVES and SemEval alone

COUNTS: Mapping[str, Mapping[int, tuple[int, int]]] = {  # Table 6: {set: {labels: (actual, predicted)}}
    "caves": {1: (1386, 1562), 2: (579, 369), 3: (12, 46)},
    "semeval2018": {1: (288, 456), 2: (1486, 1367), 3: (1078, 1055), 4: (395, 316), 5: (11, 60)},
    "reuters": {1: (2592, 2583), 2: (279, 308), 3: (86, 63), 4: (32, 32), 5: (17, 15)},
    "aapd": {2: (642, 690), 3: (264, 225), 4: (69, 62), 5: (23, 21)},
    "pubmed_mesh": {2: (50, 105), 3: (376, 535), 4: (1438, 1503), 5: (2200, 2404)},
}
MATCHERS: Mapping[str, Mapping[str, float]] = {  # Table 7: {variation: {set: macro-F1}}
    "Ours": dict(zip(SETS, (0.8911, 0.7806, 0.8085, 0.8843, 0.8081), strict=True)),
    "S-BERT-L12": dict(zip(SETS, (0.8280, 0.7430, 0.5860, 0.7140, 0.7410), strict=True)),
    "ST5-xxl": dict(zip(SETS, (0.8320, 0.7470, 0.5670, 0.7140, 0.7500), strict=True)),
    "w/o instruction": dict(zip(SETS, (0.8130, 0.7480, 0.5640, 0.7160, 0.7430), strict=True)),
}
AVERAGES: Mapping[str, float] = {  # macro-F1 over all sets, sections 8.1 and 8.4
    "full training": 0.8345,
    "unseen labels": 0.7061,
    "unified": 0.7838,
}

# Which printed row a model of ours belongs to, by how its name begins; any other has no counterpart.
OURS_3: Mapping[str, str] = {"flan-t5-large": "LAGAMC", "t5-base": "T5-Base", "t5-large": "T5-Large"}
OURS_4: Mapping[str, tuple[str, str]] = {  # without and with threshold
    "flan-t5-large": ("Ours", "Ours with threshold"),
    "llama-2-7b": ("Llama-2-7B w/o threshold", "Llama-2-7B with threshold"),
    "mistral-7b": ("Mistral-7B w/o threshold", "Mistral-7B with threshold"),
}
ENCODERS: Mapping[str, str] = {"bert": "BERT", "roberta": "RoBERTa", "xlnet": "XLNet"}
CHAT_MODELS: Mapping[str, str] = {"gpt-3.5": "ChatGPT", "chatgpt": "ChatGPT"}
MATCHER_SOURCES: Mapping[str, str] = {  # Table 7: hub name of what the paper calls so
    "S-BERT-L12": "sentence-transformers/all-MiniLM-L12-v2",
    "ST5-xxl": "sentence-transformers/sentence-t5-xxl",
}


def counterpart(model: str, rows: Mapping[str, Printed]) -> Printed | None:
    """What `rows` has for a model, by how its name, hub name or folder begins; None where the paper has none."""
    name = model.rstrip("/").rpartition("/")[2].lower()
    return next((row for start, row in rows.items() if name.startswith(start)), None)
