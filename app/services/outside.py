"""What leaves the machine: whether a project allows it, what is sent to whom, and the clients that send it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.errors import AppError
from app.settings import Settings
from lagamc.descriptions.chat import ChatModel, ChatSettings
from lagamc.descriptions.wikipedia import WikipediaProvider
from storage import projects
from storage.engine import Database

if TYPE_CHECKING:
    from lagamc.descriptions.wikipedia_client import Answers

__all__ = ["CHAT_NOTICE", "Outside", "OutsideNotice"]

CHAT_NOTICE = (
    "When you press Send, the prompt goes to the address of the chat model as you see it: the label, its description, "
    "the description of the project, and the examples, which are documents of yours."
)


@dataclass(frozen=True, slots=True)
class OutsideNotice:
    """What a person is told before anything is sent."""

    allowed: bool
    wikipedia: str
    chat: str


class Outside:
    """The one way out. Keys are taken from the environment or from a call, and kept nowhere."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._lock = threading.Lock()
        self._wikipedia: dict[tuple[str, str], WikipediaProvider] = {}
        self._answers: Answers = OrderedDict()

    def notice(self, project_id: int) -> OutsideNotice:
        """What would be sent, and to whom."""
        address = self._settings.wikipedia_url.replace("{language}.", "")
        return OutsideNotice(
            allowed=self._allowed(project_id),
            wikipedia=f"The words you search for and your contact go to {address}.",
            chat=CHAT_NOTICE,
        )

    def wikipedia(self, project_id: int, *, contact: str, language: str) -> WikipediaProvider:
        """The provider of one language; answers are kept for everybody until the app ends.

        Raises:
            AppError: the project forbids it.
            ConfigError: the contact or the language cannot be one.
        """
        self._require(project_id)
        from lagamc.descriptions.wikipedia_client import WikipediaClient

        key = contact.strip(), language.strip().lower()
        with self._lock:
            if key not in self._wikipedia:
                client = WikipediaClient(
                    contact=key[0], language=key[1], url=self._settings.wikipedia_url, answers=self._answers
                )
                self._wikipedia[key] = WikipediaProvider(client)
            return self._wikipedia[key]

    def chat(self, project_id: int, settings: ChatSettings) -> ChatModel:
        """A model to ask. Raises AppError where the project forbids it."""
        self._require(project_id)
        return ChatModel(settings)

    def _allowed(self, project_id: int) -> bool:
        with self._database.read() as session:
            return projects.get(session, project_id=project_id).outside_allowed

    def _require(self, project_id: int) -> None:
        with self._database.read() as session:
            project = projects.get(session, project_id=project_id)
            retired, allowed = project.retired_at is not None, project.outside_allowed
        if retired:
            raise AppError("This project is retired, so nothing of it was sent outside. Restore it first.")
        if not allowed:
            raise AppError(
                "This project forbids that anything of it is sent outside, so nothing was. Allow it under 'What leaves "
                "this machine', or write the description by hand or from the data."
            )
