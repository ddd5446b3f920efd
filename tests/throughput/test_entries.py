"""Which bytes on a device are an entry's own, whoever was loaded before it."""

from types import SimpleNamespace

import pytest

from suite.origin import Origin
from suite.registry import Loaded
from suite.spec import Cell
from suite.throughput.entries import Field
from tests.db.measured import condition, protocol, ref
from tests.fake_mitigations import Invert, Opposite
from tests.fake_models import Brightness

NOWHERE = Origin("model", "nowhere:Nothing")


class Device:
    """Counts the bytes that plugins put on it."""

    def __init__(self):
        self.bytes = 0

    def held(self):
        return self.bytes

    def loads(self, plugin_class, size):
        device = self

        class Heavy(plugin_class):
            def load(self, on):
                device.bytes += size

        return Heavy()


@pytest.fixture
def field():
    device = Device()
    models = {"a": device.loads(Brightness, 100), "b": device.loads(Brightness, 50)}
    mitigations = {"none": device.loads(Invert, 0), "invert": device.loads(Invert, 30), "opposite": Opposite()}
    track = SimpleNamespace(
        models={ref("model", name).key: Loaded(plugin, ref("model", name), NOWHERE) for name, plugin in models.items()},
        mitigations={
            ref("mitigation", name).key: Loaded(plugin, ref("mitigation", name), NOWHERE)
            for name, plugin in mitigations.items()
        },
    )
    return Field(SimpleNamespace(meter=device, device="cpu"), track, (), ())


def own(field, model, mitigation):
    cell = Cell(
        condition=condition(protocol(), None), model=ref("model", model), mitigation=ref("mitigation", mitigation)
    )
    field.load(cell)
    return field.own(cell)


def test_an_entrys_bytes_are_those_of_its_model_and_its_mitigation(field):
    assert [own(field, "a", "none"), own(field, "a", "invert"), own(field, "b", "invert")] == [100, 130, 80]
    assert own(field, "a", "none") == 100  # nothing is loaded twice
    assert field.session.meter.held() == 180


def test_the_order_in_which_entries_come_does_not_matter(field):
    assert [own(field, "b", "invert"), own(field, "b", "none"), own(field, "a", "none")] == [80, 50, 100]


def test_a_retrained_model_is_loaded_as_one_of_its_own(field):
    cell = Cell(
        condition=condition(protocol(), None), model=ref("model", "a"), mitigation=ref("mitigation", "opposite")
    )
    entry = field.load(cell)
    assert entry.label == "brightness + opposite"
    assert entry.restoration.name == "none"
    assert field.load(cell) is entry
