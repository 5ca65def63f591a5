"""What the studio's screens do with what was typed, apart from the page."""

from __future__ import annotations

import pytest

from app.errors import AppError
from app.screens.label_refine import ChatConnection
from app.screens.label_split import in_order
from app.services.label_splits import SplitProposal, SplitRow

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


def test_a_deleted_row_of_a_split_is_named():
    """Rows that were sorted come back in the order of the proposal; without one of them there is no split."""
    rows = tuple(SplitRow(number, number, f"d{number}", "text", (0,), None) for number in (1, 2))
    found = SplitProposal(1, (), rows)
    first, second = ["d1", "text", "", "1"], ["d2", "text", "", "2"]
    assert in_order(found, [second, first]) == [first, second]
    with pytest.raises(AppError, match=r"row of document d2 was deleted.*Propose a split"):
        in_order(found, [first, ["", "", "", ""]])
