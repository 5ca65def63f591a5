"""What the studio's screens do with what was typed, apart from the page."""

from __future__ import annotations

import pytest

from app.screens.label_refine import ChatConnection

OWN = "https://models.example.org/v1"


@pytest.fixture
def read(monkeypatch):
    """Read the connection's fields with a key in the environment."""
    monkeypatch.setenv("LAGAMC_CHAT_KEY", "sk-environment")
    connection = ChatConnection([], None, OWN)

    def call(url=OWN, key="", price_in=None, price_out=None):
        return connection.read(url, "small", key, 0.7, 2.0, price_in, price_out)[0]

    return call


def test_the_environments_key_goes_to_its_own_address_alone(read):
    """Nobody gets it by typing the address of a server of their own."""
    assert read().key == "sk-environment"
    assert read(url="https://evil.example.org/v1").key == ""
    assert read(url="https://other.example.org/v1", key="sk-typed").key == "sk-typed"


def test_prices_left_empty_mean_that_no_cost_is_known(read):
    """Gradio gives 0 for an empty number."""
    assert read(price_in=0, price_out=0).priced is False
    assert read(price_in=1, price_out=0).cost(1_000_000, 5) == 1.0
