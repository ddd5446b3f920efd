"""What a codec costs alone: milliseconds an image to encode and to decode, one call at a time."""

from __future__ import annotations

from collections.abc import Sequence

from suite.api import Model, Setting
from suite.lineup import LiveTrack, searched
from suite.spec import Condition, Measure
from suite.stages.codec_stage import Encoder, Original, Seen, code
from suite.stages.rates import nearest
from suite.throughput.timing import Pace, Stopwatch, timed

CODEC_IMAGES = 4
"""Every timed call encodes, or decodes, all of them."""


def middle_conditions(track: LiveTrack) -> list[Condition]:
    """Return one condition a codec: its middle setting or rate (of one model, where geometry comes first)."""
    by_codec: dict[str, list[Condition]] = {}
    for condition, _ in track.planned:
        found = by_codec.setdefault(condition.label, [])
        if not condition.is_reference and (not found or found[0].geometry == condition.geometry):
            found.append(condition)
    return [found[len(found) // 2] for found in by_codec.values() if found]


def cost_of(
    track: LiveTrack, on: Condition, originals: Sequence[Original], pace: Pace, stopwatch: Stopwatch
) -> tuple[Measure, ...]:
    """Time the codec of a condition. Raises CodecError."""
    encoder = Encoder(track.codec_of(on).plugin)
    geometry = geometry_of(track, on)
    seen = [Seen(geometry.geometry(each.image) if geometry else each.image, each) for each in originals[:CODEC_IMAGES]]
    work = [(each, setting_for(encoder, on, each)) for each in seen]
    coded = [code(each, encoder=encoder, settings=(setting,)) for each, setting in work]
    pixels = sum(item.row.pixels for item in coded)
    encoding = timed(
        lambda: [encoder.encode(each, setting) for each, setting in work],
        images=len(work),
        pace=pace,
        stopwatch=stopwatch,
    )
    decoding = timed(
        lambda: [encoder.codec.decode(item.frame.data) for item in coded],
        images=len(coded),
        pace=pace,
        stopwatch=stopwatch,
    )
    return (
        encoding.milliseconds_per_image("encode_ms"),
        decoding.milliseconds_per_image("decode_ms"),
        Measure(name="megapixels_per_image", value=pixels / len(coded) / 1e6),
        Measure(name="bits_per_pixel", value=8 * sum(item.row.byte_count for item in coded) / pixels),
    )


def geometry_of(track: LiveTrack, on: Condition) -> Model | None:
    """Return the live model whose geometry comes before the codec, if one does."""
    if on.geometry is None:
        return None
    model: Model = track.models[on.geometry.key].plugin
    return model


def setting_for(encoder: Encoder, on: Condition, seen: Seen) -> Setting:
    """Return a condition's setting; of a target rate that which comes nearest to it for this image."""
    if on.axis == "setting":
        return on.setting
    settings = searched(encoder.codec, on.searched)
    return nearest(settings, lambda setting: seen.rate(encoder.encode(seen, setting)), float(on.value))
