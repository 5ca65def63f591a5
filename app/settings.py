"""Where the workbench listens and keeps its data."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from app.errors import AppError
from lagamc.descriptions.chat import OPENAI_URL
from lagamc.descriptions.wikipedia import WIKIPEDIA_URL

__all__ = ["Settings"]

DEVICES = re.compile(r"auto|cpu|(cuda|mps|xpu)(:\d+)?")  # torch itself is loaded with the first model


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that `launch.py` can be told. A missing `database_url` means SQLite in the data folder.

    The address of the database comes from the environment. So do those of Wikipedia and of the chat model, the
    model's name and the contact that Wikipedia asks for; people can type others for their session.

    Raises:
        AppError: the port, the memory or the number of GPUs is out of range, the device is none of torch's that run
            models, or the data folder is a file.
    """

    data_folder: Path
    host: str = "127.0.0.1"
    port: int = 7860
    device: str = "auto"
    precision: str = "float32"  # of answers, as `lagamc.classifier.Classifier.load` has it
    gpus: int = 1  # that one training run uses together
    database_url: str = field(default_factory=lambda: os.environ.get("DATABASE_URL", ""))
    model_megabytes: int = 2048  # loaded models; the one in use stays, however large
    wikipedia_url: str = field(default_factory=lambda: os.environ.get("LAGAMC_WIKIPEDIA_URL", WIKIPEDIA_URL))
    chat_url: str = field(default_factory=lambda: os.environ.get("LAGAMC_CHAT_URL", OPENAI_URL))
    chat_model: str = field(default_factory=lambda: os.environ.get("LAGAMC_CHAT_MODEL", ""))
    contact: str = field(default_factory=lambda: os.environ.get("LAGAMC_CONTACT", ""))

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise AppError(f"The port must lie between 1 and 65535, got {self.port}.")
        if not DEVICES.fullmatch(self.device):
            raise AppError(f"The device {self.device!r} is not known. Use auto, cpu or cuda.")
        if self.gpus < 1:
            raise AppError(f"Training needs at least 1 GPU or CPU process, got {self.gpus}. Leave --gpus out.")
        if self.model_megabytes <= 0:
            raise AppError(f"The memory for loaded models must be at least 1 MB, got {self.model_megabytes}.")
        folder = self.data_folder.expanduser().resolve()
        if folder.exists() and not folder.is_dir():
            raise AppError(f"The data folder {folder} is a file. Name a folder with --data-folder.")
        object.__setattr__(self, "data_folder", folder)
        object.__setattr__(self, "database_url", self.database_url or f"sqlite:///{quote(str(folder))}/workbench.db")

    @property
    def runs_folder(self) -> Path:
        """The folder that holds one folder a run, named by its id."""
        return self.data_folder / "runs"
