"""Rates of every codec that runs here, on real photographs, over all of its settings."""

from itertools import pairwise

import pytest

from suite import protocols, registry
from suite.contracts.codecs import RATE_TOLERANCE
from suite.lineup import why_absent

CODECS = {entry.label: entry for entry in protocols.load("pv-codecs@1").codecs}


@pytest.mark.parametrize("label", CODECS)
def test_rates_grow_over_the_settings_on_real_images(label):
    codec = registry.load("codec", CODECS[label].name, **CODECS[label].parameters).plugin
    if missing := why_absent(codec):
        pytest.skip(missing)
    dataset = registry.load("dataset", "pv-cells", split="train").plugin
    settings = codec.settings()
    chosen = settings[:: max(1, len(settings) // 10)]
    for sample in dataset.samples()[100::900]:
        image = dataset.read(sample).image
        rates = [(str(setting), len(codec.encode(image, setting))) for setting in chosen]
        assert [pair for pair in pairwise(rates) if pair[1][1] < pair[0][1] * (1 - RATE_TOLERANCE)] == []
        assert rates[-1][1] > 1.5 * rates[0][1]
