"""Files of weights: found, checked against their digest, and only then loaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from suite.errors import AlteredWeights, MissingWeights


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
