"""The hub is not asked in silence."""

import pytest

from lagamc.encoder import SentenceEmbedder
from lagamc.errors import BackboneError
from lagamc.hub import say_before_asking


def test_who_asks_the_hub_says_so_first(tmp_path, monkeypatch, caplog):
    """Not for what lies here, and not where asking is forbidden."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    say_before_asking(str(tmp_path))
    assert not caplog.messages
    say_before_asking("someone/their-model")
    assert caplog.messages == ["Asking the hub for someone/their-model ..."]
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    say_before_asking("someone/their-model")
    assert len(caplog.messages) == 1


def test_what_is_not_found_names_the_way_to_wait_less():
    with pytest.raises(BackboneError, match=r"(?s)loaded from someone/their-model: .*HF_HUB_OFFLINE=1"):
        SentenceEmbedder.load("someone/their-model")
