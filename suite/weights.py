"""Files of weights on this machine: registered from a directory, or downloaded from where their authors publish them.

A file is known by its name wherever it lies; `suite.api.weights.RECORDS` holds path and SHA-256 of each. On Hugging
Face's hub every file is ``model.safetensors`` (or ``pytorch_model.bin``): such a file takes the name of its folder, so
that ``resnet50.a1_in1k/model.safetensors`` is registered as ``resnet50.a1_in1k.safetensors``. In the hub's own cache
(``models--timm--resnet50.a1_in1k/snapshots/REVISION/model.safetensors``) the folder is what follows the last ``--``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from suite import registry
from suite.api import PublishedWeights
from suite.api.weights import RECORDS, recorded, stated_digest
from suite.digest import CHUNK_BYTES, sha256_of_file
from suite.errors import AlteredWeights, MissingWeights, PluginError, UnknownPlugin, UsageError, WeightsError, nearest
from suite.home import home, write_atomically
from suite.progress import Progress
from suite.spec import PluginKind

SUFFIXES = (".pth", ".pt", ".tar", ".safetensors", ".bin")
NAMES_ON_THE_HUB = ("model.safetensors", "pytorch_model.bin")
KINDS: tuple[PluginKind, ...] = ("model", "codec", "mitigation")
"""The kinds of plugin that have weights."""
TIMEOUT_S = 60.0
OFFLINE_VARIABLE = "SUITE_OFFLINE"
"""Set to anything, it keeps `obtain` from the network."""


class Found(NamedTuple):
    """A file of weights: the name it is known by, its SHA-256 (hexadecimal) and where it is."""

    file: str
    sha256: str
    path: Path

    @property
    def is_there(self) -> bool:
        """Whether there still is a file at that path; its digest is checked when it is loaded."""
        return self.path.is_file()


class Registration(NamedTuple):
    """What a directory held: the files that are registered now, and for each refused one the reason."""

    registered: tuple[Found, ...]
    refused: tuple[str, ...]


def registered() -> list[Found]:
    """Return every registered file, by name."""
    return [Found(file, entry["sha256"], Path(entry["path"])) for file, entry in sorted(recorded().items())]


def register(directory: Path, progress: Progress) -> Registration:
    """Record name, path and SHA-256 of each file of weights below ``directory``, beside those recorded before.

    Refused, while the others are registered: a file that lacks the digest its name states, one that cannot be read, and
    files of one name that differ. Raises UsageError for what is no directory, MissingWeights where there is none.
    """
    paths = files_in(directory)
    hashed: list[Found] = []
    refused: list[str] = []
    progress.start("hashing files of weights", len(paths))
    for path in paths:
        try:
            hashed.append(examined(path))
        except (AlteredWeights, MissingWeights) as error:
            refused.append(str(error))
        progress.advance(1)
    chosen, clashes = one_a_name(hashed)
    record(chosen)
    return Registration(tuple(chosen), (*refused, *clashes))


def files_in(directory: Path) -> list[Path]:
    """Return the files of weights below a directory, in the order of their paths."""
    root = directory.expanduser().resolve()
    if not root.is_dir():
        raise UsageError(f"There is no directory {root}. Name the one that holds the files of weights.")
    paths = sorted(path for path in root.rglob("*") if path.name.endswith(SUFFIXES) and path.is_file())
    if not paths:
        raise MissingWeights(f"There is no file of weights ({', '.join(SUFFIXES)}) in {root}.")
    return paths


def examined(path: Path) -> Found:
    """Return a file with its digest. Raises AlteredWeights or MissingWeights."""
    try:
        sha256 = sha256_of_file(path).removeprefix("sha256:")
    except OSError as error:
        raise MissingWeights(f"{path} cannot be read ({error.strerror}). Mend it and register it again.") from error
    if not sha256.startswith(stated_digest(path.name)):
        raise AlteredWeights(
            f"{path} has SHA-256 {sha256[:12]}…, but its name states {stated_digest(path.name)}: it was altered, or "
            "not downloaded to its end. Fetch it again."
        )
    return Found(known_as(path), sha256, path)


def known_as(path: Path) -> str:
    """Return the name that a file is known by: its own, or on the hub its folder's."""
    if path.name not in NAMES_ON_THE_HUB:
        return path.name
    folder = path.parents[2] if path.parents[1].name == "snapshots" else path.parent
    return folder.name.rpartition("--")[2] + path.suffix


def one_a_name(files: Iterable[Found]) -> tuple[list[Found], list[str]]:
    """Return the first file of each name, and what is wrong with names that stand for files that differ."""
    by_name: dict[str, list[Found]] = {}
    for file in files:
        by_name.setdefault(file.file, []).append(file)
    clear = [same[0] for same in by_name.values() if len({file.sha256 for file in same}) == 1]
    clashes = [
        f"{' and '.join(str(file.path) for file in same)} differ, but both are known as {name}. "
        "Keep one, or register the directory of one."
        for name, same in by_name.items()
        if len({file.sha256 for file in same}) > 1
    ]
    return clear, clashes


def record(files: Iterable[Found]) -> None:
    """Add files to the records; a name that was recorded before stands for the new file."""
    records = recorded() | {file.file: {"path": str(file.path), "sha256": file.sha256} for file in files}
    write_atomically(home() / RECORDS, json.dumps(records, indent=1, sort_keys=True))


def named(name: str) -> Any:
    """Return the model, codec or mitigation of that name, live. Raises UsageError or a PluginError."""
    failures = []
    for kind in KINDS:
        try:
            registry.looked_up(kind, name)
        except UnknownPlugin:
            continue
        try:
            return registry.load(kind, name).plugin
        except PluginError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    known = [known for kind in KINDS for known in registry.names(kind)]
    hint = nearest(name, known) or "Run 'suite plugins' for the list."
    raise UsageError(f"No {', '.join(KINDS[:-1])} or {KINDS[-1]} is named '{name[:200]}'. {hint}")


def missing(plugin: Any) -> list[PublishedWeights]:
    """Return which of a plugin's published files of weights are not on this machine, or are altered."""
    published: Sequence[PublishedWeights] = getattr(plugin, "published", ())
    return [weights for weights in published if not is_whole(weights)]


def is_whole(published: PublishedWeights) -> bool:
    """Whether a published file is here and is what was recorded; reads all of it."""
    try:
        published.located().verified()
    except WeightsError:
        return False
    return True


class OnlyHttps(HTTPRedirectHandler):
    """Follows redirections to https, and to nothing else."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        """Return the request to make next. Raises URLError."""
        if urlsplit(newurl).scheme != "https":
            raise URLError(f"redirected to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_https(url: str) -> Any:
    """Return the response at an https address, to be read. Raises OSError."""
    return build_opener(OnlyHttps).open(url, timeout=TIMEOUT_S)


def download(published: PublishedWeights, progress: Progress, *, open_url: Callable[[str], Any] = open_https) -> Found:
    """Fetch a published file into `home`, check it against the digest that its authors state, and record it.

    Nothing is kept of a download that fails or is interrupted. Raises UsageError for an address that is not https,
    MissingWeights where it cannot be fetched, AlteredWeights for a file with another digest.
    """
    if urlsplit(published.url).scheme != "https":
        raise UsageError(f"{published.file} is at '{published.url}', which is not https. {by_hand(published)}")
    path = home() / "weights" / published.file
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        sha256 = fetched(published, scratch, progress=progress, open_url=open_url)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    found = Found(published.file, sha256, path)
    record([found])
    return found


def obtain(wanted: Iterable[PublishedWeights], progress: Progress) -> bool:
    """Download what can be downloaded, and return whether anything was; what cannot is noted.

    Nothing is tried under `OFFLINE_VARIABLE`, nor after the first file that cannot be fetched: the next ones could
    not either, each after a wait.
    """
    obtained = False
    for published in () if os.environ.get(OFFLINE_VARIABLE) else wanted:
        try:
            download(published, progress)
        except MissingWeights as error:
            progress.note(str(error))
            break
        except WeightsError as error:
            progress.note(str(error))
            continue
        obtained = True
    return obtained


def fetched(published: PublishedWeights, scratch: Path, *, progress: Progress, open_url: Callable[[str], Any]) -> str:
    """Write what is at the published address to ``scratch``; return its SHA-256. Raises as `download` does."""
    try:
        scratch.parent.mkdir(parents=True, exist_ok=True)
        with open_url(published.url) as response, scratch.open("wb") as file:
            sha256 = copied(response, file, published.file, progress)
    except (OSError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()  # it is the server's answer, too
        raise MissingWeights(f"{published.url} cannot be downloaded ({error}). {by_hand(published)}") from error
    if not sha256.startswith(published.sha256):
        raise AlteredWeights(
            f"{published.url} gave a file with SHA-256 {sha256[:12]}…, but {published.sha256[:12]}… is published. "
            f"Nothing was kept. Try again later. {by_hand(published)}"
        )
    return sha256


def copied(response: Any, file: IO[bytes], name: str, progress: Progress) -> str:
    """Copy a response to a file, telling of each byte; return its SHA-256. Raises OSError when it ends too early."""
    length = response.headers["Content-Length"]
    total = None if length is None else int(length)
    progress.start(f"downloading {name} (bytes)", total)
    state, count = hashlib.sha256(), 0
    while chunk := response.read(CHUNK_BYTES):
        file.write(chunk)
        state.update(chunk)
        count += len(chunk)
        progress.advance(len(chunk))
    if total is not None and count != total:
        raise OSError(f"it ended after {count:,} of {total:,} bytes")
    return state.hexdigest()


def by_hand(published: PublishedWeights) -> str:
    """Return what to do without a download."""
    return f"Get {published.file} on another machine, put it into a directory DIR here and run: suite data weights DIR"
