"""Files of weights: found, checked against their digest, and only then loaded."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from suite.errors import AlteredWeights, MissingWeights
from suite.home import home

RECORDS = "weights.json"
"""In `home`: file name -> path and SHA-256 of every file that `suite data weights` has registered or downloaded."""
# As torch.hub reads it, which some publishers take to more than 8 digits; a date is no digest.
DATE = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
STATED = re.compile(rf"-(?!{DATE}\.)([0-9a-f]{{8,64}})\.(?:pth|pt|pth\.tar|tar|safetensors|bin)$")


@dataclass(frozen=True)
class WeightFile:
    """A file of weights, its SHA-256 (hexadecimal) and what to do when it is not there."""

    path: Path
    sha256: str
    remedy: str

    def verified(self) -> Path:
        """Return the path of the unaltered file. Raises MissingWeights or AlteredWeights."""
        try:
            found = hashlib.sha256(self.path.read_bytes()).hexdigest()
        except OSError as error:
            raise MissingWeights(f"The weights {self.path} cannot be read ({error.strerror}). {self.remedy}") from error
        if found != self.sha256:
            raise AlteredWeights(
                f"The weights {self.path} have SHA-256 {found[:12]}…, "
                f"but {self.sha256[:12]}… is recorded. {self.remedy}"
            )
        return self.path


@dataclass(frozen=True)
class PublishedWeights:
    """A file of weights that its authors offer for download, and that is known by its name wherever a user keeps it.

    ``sha256`` is as much of its digest (hexadecimal) as they state; the whole one is recorded when it is registered.
    A plugin lists them as ``published``; its ``weights`` are then their `located` files.
    """

    file: str
    url: str
    sha256: str = ""

    def located(self, plugin: str = "NAME") -> WeightFile:
        """Return the registered file; where there is none, one whose `verified` raises and says what to do.

        ``plugin`` is the name that the command to download it takes.
        """
        record = recorded().get(self.file)
        remedy = (
            f"With a network, run: suite data download {plugin}. "
            f"Or put the file {self.file} ({self.url}) into a directory DIR and run: suite data weights DIR"
        )
        if record is None:
            return WeightFile(Path(self.file), self.sha256, remedy)
        return WeightFile(Path(record["path"]), record["sha256"], remedy)

    @property
    def is_here(self) -> bool:
        """Whether a file of that name is registered and still there; `located` checks its digest."""
        record = recorded().get(self.file)
        return record is not None and Path(record["path"]).is_file()


def stated_digest(file: str) -> str:
    """Return as much of its SHA-256 as a file's name states, such as ``0676ba61`` of ``resnet50-0676ba61.pth``."""
    stated = STATED.search(file)
    return stated[1] if stated else ""


def recorded() -> dict[str, dict[str, str]]:
    """Return file name -> ``path`` and ``sha256`` of each registered file. Raises AlteredWeights for a damaged list."""
    path = home() / RECORDS
    try:
        records: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise AlteredWeights(f"{path} is damaged ({error}). Remove it and run: suite data weights DIR") from error
    return records
