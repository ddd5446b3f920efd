"""A submitted codec as the host uses it: encoder and decoder in sandboxes of their own, and only bytes go between them.

Whatever an encoder keeps of an image, in memory, in a file or under a lock, its decoder does not find: a bitstream is
worth what is in it, and the host counts that.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from suite.api import Card, Image, Setting
from suite.api.pixels import require_rgb
from suite.errors import CodecError, InvalidPlugin
from suite.isolation.guest import Guest
from suite.isolation.sandbox import Sandbox
from suite.isolation.wire import Decode, Describe, Described, Encode, Make, Picture, Stream

MOST_TIMES, MOST_MORE_BYTES = 4, 1 << 20
"""A bitstream has at most so many times the bytes of its image's pixels, and so many more."""
MOST_NAME, MOST_BUILD = 64, 200
"""Characters."""


class GuestCodec:
    """A `suite.api.Codec` whose encoder and decoder have two sandboxes that share nothing which either can write.

    Both are asked at the start what they can be asked for, and have to say the same. ``apart``: moreover no encoder is
    alive while a decoder is, and no decoder decodes twice; slow, for looking at a few images again. A trusted codec,
    without sandboxes, is not kept from handing images to its decoder by other ways than the bytes.
    Raises InvalidPlugin, WorkerError or what the plugin raises.
    """

    def __init__(self, make: Make, encoding: Sandbox, decoding: Sandbox, card: Card, *, apart: bool = False) -> None:
        self.card = card
        self.isolation = encoding.description
        self._apart = apart
        with ExitStack() as until:
            self._encoder = guest_in(until, make, encoding)
            said = described(self._encoder)
            if apart:
                self._encoder.close()
            self._decoder = guest_in(until, make, decoding)
            check_alike((self._encoder.made, said), (self._decoder.made, described(self._decoder)))
            if apart:
                self._decoder.close()
            self._ends = until.pop_all()
        self.made = self._encoder.made
        self.name, self.version = self.made.name, self.made.version
        self._build, self._settings = said.build, [Setting(said.parameter, value) for value in said.values]

    @property
    def build(self) -> str:
        """The library build that makes the bits, as the plugin says."""
        return self._build

    def settings(self) -> Sequence[Setting]:
        """Return what it can be asked for."""
        return self._settings

    def encode(self, image: Image, setting: Setting) -> bytes:
        """Return the bitstream. Raises CodecError, WorkerError or what the plugin raises."""
        height, width, _ = require_rgb(image).shape
        if setting not in self._settings:
            raise CodecError(f"{self.name} has no setting {setting}: from {self._settings[0]} to {self._settings[-1]}.")
        with self._encoder.process() as process:
            process.memory.write_image(image)
            byte_count = self._encoder.ask(process, Encode(height, width, *setting), Stream).byte_count
            most = MOST_TIMES * image.nbytes + MOST_MORE_BYTES
            if byte_count > most:
                raise CodecError(f"{self.name} {setting}, {width}x{height}: {byte_count} bytes; {most} are allowed.")
            return process.memory.read(byte_count)

    def decode(self, data: bytes) -> Image:
        """Return the image, of whatever size. Raises CodecError, WorkerError or what the plugin raises."""
        if self._apart:
            self._encoder.close()
        with self._decoder.process() as process:
            process.memory.write(data)
            size = self._decoder.ask(process, Decode(len(data)), Picture)
            image = process.memory.read_image(*size)
        if self._apart:
            self._decoder.close()
        return image

    def end(self) -> None:
        """End all processes for good."""
        self._ends.close()


def guest_in(until: ExitStack, make: Make, sandbox: Sandbox) -> Guest:
    """Return a guest that ends with a context."""
    guest = Guest(make, sandbox)
    until.callback(guest.end)
    return guest


def described(guest: Guest) -> Described:
    """Return what a codec says of itself. Raises InvalidPlugin for what cannot be shown, and as `Guest.ask`."""
    with guest.process() as process:
        said = guest.ask(process, Describe(), Described)
    texts = [value for value in said.values if isinstance(value, str)]
    if not said.parameter.isidentifier() or any(len(text) > MOST_NAME for text in (said.parameter, *texts)):
        raise InvalidPlugin(
            f"Expected settings of one parameter, a name of at most {MOST_NAME} characters, not {said.parameter!r:.80}."
        )
    if not said.build.strip() or len(said.build) > MOST_BUILD or not all(map(str.isprintable, (said.build, *texts))):
        raise InvalidPlugin(
            f"Expected build to name the library in 1 to {MOST_BUILD} characters, not {said.build!r:.80}."
        )
    if len({*said.values}) != len(said.values) or not said.values:
        raise InvalidPlugin(f"Expected one or more distinct values of {said.parameter}, but got {said.values!r:.80}.")
    return said


def check_alike(encoder: object, decoder: object) -> None:
    """Raise InvalidPlugin unless encoder and decoder, made apart, say the same of themselves."""
    if encoder != decoder:
        raise InvalidPlugin(f"Made twice, the codec says two things of itself: {encoder!r:.300} and {decoder!r:.300}.")
