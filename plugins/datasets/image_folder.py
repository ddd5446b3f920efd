"""A directory tree of one's own, in the layout of ImageNet's validation set: ``root/class/image.jpg``."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from suite.api import Card, Sample, Source, Task
from suite.api.pillow import upright_rgb
from suite.errors import CorruptImage, MissingData, UsageError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class ImageFolder:
    """One directory a class, images in it; other files are ignored, and so is what lies directly in ``root``.

    ``classes_file`` lists class directories in the order of the network's outputs, one a line, ``#`` for comments. A
    tree may hold some of them only, so that ten directories of ImageNet run under a network of a thousand classes.
    Without it the classes are the directories, sorted.
    ``manifest`` is the list of samples as once scanned; without it `samples` reads every file to make one.
    A sample's id is its path below ``root``, with ``/`` on every system; the order is by class directory, then by id.
    """

    root: str | Path
    classes_file: str | Path | None = None
    manifest: Sequence[Sample] | None = None
    name: str = "image-folder"

    version: ClassVar[str] = "1"
    task: ClassVar[Task] = Task.CLASSIFICATION
    card: ClassVar[Card] = Card(summary="A directory tree of your own: root/class/image.jpg.")

    @cached_property
    def classes(self) -> Sequence[str]:
        """The class names. Raises MissingData or UsageError."""
        found = [path.name for path in class_directories(self.directory)]
        if self.classes_file is None:
            return tuple(found)
        listed = read_classes(Path(self.classes_file))
        if unknown := sorted(set(found) - set(listed)):
            raise UsageError(
                f"{self.directory} has {len(unknown)} directories that {self.classes_file} does not list, such as "
                f"'{unknown[0]}'. List them there, or move them away."
            )
        return listed

    @cached_property
    def directory(self) -> Path:
        """The root without symbolic links. Raises MissingData."""
        try:
            return Path(self.root).expanduser().resolve(strict=True)
        except OSError as error:
            raise MissingData(f"The directory {self.root} is not there ({error.strerror}).") from error

    def scan(self) -> Iterator[Sample]:
        """Read every image file and yield its sample, in order; nothing is decoded. Raises DataError or UsageError."""
        indices = {name: index for index, name in enumerate(self.classes)}
        count = 0
        for count, path in enumerate(self.image_files(), 1):  # noqa: B007 - the number that there were
            relative = path.relative_to(self.directory)
            yield Sample(relative.as_posix(), hashlib.sha256(read_file(path)).hexdigest(), indices[relative.parts[0]])
        if count == 0:
            raise MissingData(
                f"No images are below {self.directory}. Expected {self.directory}/class/image with one of the endings "
                f"{' '.join(sorted(SUFFIXES))}."
            )

    def image_files(self) -> Iterator[Path]:
        """Yield the paths of the image files, in the order of their ids. Raises DataError."""
        for directory in class_directories(self.directory):
            yield from sorted(files_below(directory, self.directory), key=Path.as_posix)

    def samples(self) -> Sequence[Sample]:
        """Return the manifest, or make one. Raises DataError or UsageError."""
        return tuple(self.scan() if self.manifest is None else self.manifest)

    def read(self, sample: Sample) -> Source:
        """Return an image, if its file is the one that was scanned. Raises MissingData or CorruptImage."""
        path = self.directory / sample.id
        check_inside(path, self.directory)
        data = read_file(path)
        if hashlib.sha256(data).hexdigest() != sample.sha256:
            raise CorruptImage(f"{path} was changed after it was registered. Restore it, or register the data anew.")
        return Source(upright_rgb(data, str(path)), len(data))


def class_directories(root: Path) -> list[Path]:
    """Return the directories directly in ``root``, sorted; hidden ones are ignored. Raises DataError."""
    directories = [path for path in visible(root) if is_own_directory(path, root)]
    if not directories:
        raise MissingData(f"{root} has no directories. Expected one a class: {root}/class/image.jpg.")
    return directories


def files_below(directory: Path, root: Path) -> Iterator[Path]:
    """Yield the image files in ``directory`` and in what it holds, unsorted. Raises DataError."""
    for path in visible(directory):
        if is_own_directory(path, root):
            yield from files_below(path, root)
        elif path.suffix.lower() in SUFFIXES:
            check_inside(path, root)
            if not path.is_file():
                raise MissingData(f"{path} is a broken link or no regular file. Restore it, or remove it.")
            yield path


def is_own_directory(path: Path, root: Path) -> bool:
    """Whether ``path`` is a directory. Raises MissingData for a link to one: its images would count twice."""
    try:
        if not path.is_dir():
            return False
    except OSError as error:
        raise MissingData(f"{path} cannot be looked at ({error.strerror}).") from error
    check_inside(path, root)
    if path.is_symlink():
        raise MissingData(f"{path} is a link to a directory: its images would count twice. Remove the link.")
    return True


def visible(directory: Path) -> list[Path]:
    """Return what is in a directory, sorted, without hidden names. Raises MissingData when something is unreadable."""
    try:
        names = sorted(os.listdir(directory))  # noqa: PTH208 - names only, and iterdir raises late
    except OSError as error:
        raise MissingData(f"The directory {directory} cannot be read ({error.strerror}).") from error
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise MissingData(
                f"A name in {directory} is not UTF-8: {os.fsencode(name)!r}. Rename it; ids must be text."
            ) from error
    return [directory / name for name in names if not name.startswith(".")]


def check_inside(path: Path, root: Path) -> None:
    """Raise MissingData for a path that leads out of ``root``, by a symbolic link or by ``..``."""
    try:
        inside = path.resolve().is_relative_to(root)
    except (OSError, RuntimeError) as error:  # a link that leads to itself
        raise MissingData(f"{path} leads nowhere: {error}.") from error
    if not inside:
        raise MissingData(f"{path} leads out of {root}. Copy the file, or register the directory that it leads to.")


def read_classes(path: Path) -> tuple[str, ...]:
    """Return the class names in a file. Raises MissingData, or UsageError for doubled names and for none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MissingData(f"The list of classes {path} cannot be read: {error}.") from error
    names = tuple(name for line in lines if (name := line.partition("#")[0].strip()))
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise UsageError(f"{path} lists '{name}' twice. The line's position is the class's index: keep one.")
    if not names:
        raise UsageError(f"{path} lists no classes. Expected one directory name a line.")
    return names


def read_file(path: Path) -> bytes:
    """Return a file's bytes. Raises MissingData."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise MissingData(f"{path} cannot be read ({error.strerror}).") from error
