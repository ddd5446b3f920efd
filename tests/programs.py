"""The reference command-line programs that codecs are compared with, where this machine has them."""

import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image as PillowImage

PACKAGES = {
    "libjpeg-turbo-progs": ("cjpeg", "djpeg"),
    "libopenjp2-tools": ("opj_compress", "opj_decompress"),
    "webp": ("cwebp", "dwebp"),
    "libheif-examples": ("heif-enc", "heif-convert"),
    "libavif-bin": ("avifenc", "avifdec"),
    "libjxl-tools": ("cjxl", "djxl"),
}
"""Debian's packages, which `make system-deps` installs, and what the tests use of each."""


def needs(package):
    """Skip a test, and say what to install, where a package's programs are not all there."""
    lacking = [program for program in PACKAGES[package] if not shutil.which(program)]
    return pytest.mark.skipif(bool(lacking), reason=f"no {' and no '.join(lacking)}: apt-get install {package}")


def run(folder, *command):
    """Run a program in ``folder``, where its files are."""
    subprocess.run([str(word) for word in command], cwd=folder, check=True, capture_output=True, timeout=120)


def write(file, image):
    """Write an image as the kind of file that the name says."""
    PillowImage.fromarray(image).save(file)


def read(file):
    """Return the image in a file as integers, so that differences can be negative."""
    with PillowImage.open(file) as opened:
        return np.asarray(opened.convert("RGB"), int)


def psnr(image, other):
    """Return how near two images are, in dB."""
    return 10 * np.log10(255**2 / np.mean((np.asarray(image, float) - other) ** 2))
