"""What the codecs on top of optional or versatile libraries check: parameters, settings, sizes, packages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from suite.api import Image, Setting
from suite.api.pixels import require_rgb
from suite.errors import CodecError, InvalidPlugin, UsageError

INSTALL = "pip install 'compression-suite[codecs]'"


def check_parameters(codec: Any, implemented: Mapping[str, tuple[Any, ...]]) -> None:
    """Raise UsageError unless each field of ``codec`` has one of the values that are implemented."""
    for parameter, values in implemented.items():
        value = getattr(codec, parameter)
        if type(value) is not type(values[0]) or value not in values:
            expected = " or ".join(map(repr, values))
            raise UsageError(f"Expected {codec.name}'s {parameter} to be {expected}, but got {value!r}.")


def checked_number(setting: Setting, parameter: str, numbers: range) -> int:
    """Return the whole number asked for, one of ``numbers``. Raises CodecError."""
    if setting.parameter != parameter or type(setting.value) is not int or setting.value not in numbers:
        low, high = min(numbers), max(numbers)
        raise CodecError(f"Expected {parameter}={low} to {parameter}={high}, whole numbers, but got {setting}.")
    return setting.value


def checked_image(image: Any, side: int, area: int) -> Image:
    """Return ``image`` if it is uint8 RGB of at most ``side`` a side and ``area`` pixels. Raises CodecError."""
    height, width, _ = require_rgb(image).shape
    check_size(width, height, side, area)
    return image


def check_size(width: int, height: int, side: int, area: int) -> None:
    """Raise CodecError for a size, of an image or announced by a header, that is empty or out of bounds."""
    if not (min(width, height) > 0 and max(width, height) <= side and width * height <= area):
        raise CodecError(f"Expected 1 to {side} pixels a side and at most {area} in all, but got {width}x{height}.")


def optional_package(module: str, remedy: str = f"Run: {INSTALL}") -> ModuleType:
    """Import a package of an extra, of ``codecs`` unless ``remedy`` says otherwise. Raises InvalidPlugin with it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise InvalidPlugin(f"The package {module} cannot be imported ({error}). {remedy}") from error
