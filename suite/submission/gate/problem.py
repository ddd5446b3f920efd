"""What a rule finds wrong, and the rules by name."""

from __future__ import annotations

from typing import NamedTuple

LONGEST = 400

RULES = {
    "outside": "A change to submissions changes nothing else.",
    "reserved": "A change to submissions leaves README.md and TEMPLATE/ of submissions/ alone.",
    "name": "Names are letters, digits, '.', '_', '+' and '-'; a folder's name is the submission's.",
    "regular": "Regular files only: no links, devices or submodules.",
    "executable": "No file is executable.",
    "size": "A version has at most 1 MB in git; weights by link at most 2 GiB.",
    "files": "A folder holds the files that are named for it and no others.",
    "plugin": "The metadata in plugin.py can be read.",
    "submission": "submission.toml says what its record asks for and nothing else.",
    "results": "results.json says what its record asks for and nothing else.",
    "errata": "errata.toml says who, when, why and which cells; entries are never taken back.",
    "verifications": "verifications.toml says what was made again; entries are added at its end, and alone.",
    "agreement": "plugin.py, submission.toml, results.json and the folder's name agree, digests included.",
    "weights": "Weights are those of the metadata: in place with their size and SHA-256, or by link.",
    "duplicate": "No two names for one plugin, no two spellings of one name.",
    "version": "A changed plugin.py has a higher version.",
    "older": "Every version before is in older/, whole and unchanged.",
    "removed": "A published submission stays.",
    "moved": "A published row changes by at most 0.001 and stays, unless an erratum names it.",
    "protocol": "The protocol is a released one, with its digest.",
    "trial": "The whole protocol was measured, not a trial.",
    "plugins": "The plugins and data that results name are those of the protocol.",
    "plan": "Rows are the cells that the protocol's plan asks for, each once and none besides.",
    "numbers": "Measures are those of the protocol, finite and possible.",
    "contract": "The plugin passes its contract checks in the sandbox.",
}
"""What each rule asks for, in the order in which they are looked at."""


class Problem(NamedTuple):
    """What is wrong and what to do next: where (below the repository), by which of `RULES`."""

    path: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{shown(self.path)}: [{self.rule}] {shown(self.message)}"


def shown(text: str) -> str:
    """Return untrusted text as one printable line of at most `LONGEST` characters."""
    line = "".join(character if character.isprintable() else "?" for character in text[: LONGEST + 1])
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
