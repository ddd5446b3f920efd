"""Names to plugins: the built-in ones, those of an installed package, and files of one's own."""

import sys
from pathlib import Path

import pytest

import plugins
from suite import registry
from suite.api import Codec, Dataset, Model
from suite.errors import DuplicatePlugin, InvalidPlugin, UnknownPlugin

PLUGIN = """
class Noop:
    name = "noop"
    version = "3"
    def load(self, device): pass
    def restore(self, frames): return [frame.image for frame in frames]
"""

FAMILY = (
    PLUGIN
    + """
class Family(Noop):
    def __init__(self, member):
        self.member, self.name = member, f"noop:{member}"
"""
)


MEMBERS = {
    "codec": {},
    "model": {"timm:": "timm:resnet50.a1_in1k", "torchvision:": "torchvision:resnet50.IMAGENET1K_V1"},
}
"""A member of each family of built-in plugins."""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package with a table of plugins, as pip would lay it out."""

    def install(table, *, package="other_plugins", plugin=PLUGIN):
        folder = tmp_path / package
        folder.mkdir()
        (folder / "__init__.py").write_text(f"PLUGINS = {table!r}")
        (folder / "noop.py").write_text(plugin)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[suite.plugins]\nother = {package}:PLUGINS\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        registry.table.cache_clear()

    yield install
    registry.table.cache_clear()
    for name in [name for name in sys.modules if name.startswith("other_plugins")]:
        del sys.modules[name]


@pytest.mark.parametrize(("kind", "interface"), [("codec", Codec), ("model", Model)])
def test_every_built_in_plugin_is_what_its_kind_asks_for(kind, interface):
    single = [name for name in registry.names(kind) if not name.endswith(":")]
    assert single
    for name in [*single, *MEMBERS[kind].values()]:
        loaded = registry.load(kind, name)
        assert registry.missing(loaded.plugin, interface) == []  # isinstance would ask bpg without bpgenc for its build
        assert (loaded.ref.kind, loaded.ref.name) == (kind, name)
        assert loaded.card.summary


@pytest.mark.parametrize("kind", MEMBERS)
def test_every_built_in_family_has_a_member_here(kind):
    assert {name for name in registry.names(kind) if name.endswith(":")} == set(MEMBERS[kind])


def test_the_built_in_dataset_is_a_dataset():
    assert isinstance(registry.load("dataset", "pv-cells", split="train").plugin, Dataset)


def test_an_installed_package_brings_plugins(install):
    install({"mitigation": {"noop": "other_plugins.noop:Noop"}})
    loaded = registry.load("mitigation", "noop")
    assert str(loaded.ref) == "noop@3"
    assert "noop" in registry.names("mitigation")


def test_a_name_that_is_taken_is_refused_with_both_sources(install):
    install({"mitigation": {"none": "other_plugins.noop:Noop"}})
    with pytest.raises(
        DuplicatePlugin, match=r"plugins\.mitigations\.none:NoMitigation.*claim the mitigation name 'none'"
    ):
        registry.names("mitigation")


@pytest.mark.parametrize("table", [{"pipes": {}}, ["noop"], None])
def test_a_table_of_another_shape_is_refused(install, table):
    install(table)
    with pytest.raises(InvalidPlugin, match="is no plugin table"):
        registry.names("codec")


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        ("import nothing_of_that_name", "cannot be imported: ModuleNotFoundError"),
        ("raise RuntimeError('boom')", "cannot be imported: RuntimeError: boom"),
        ("Other = 1", "cannot be imported: AttributeError"),
        ("def Noop(): raise RuntimeError('boom')", "cannot be made: RuntimeError: boom"),
        (PLUGIN.replace("restore", "repair"), "it lacks restore"),
        (PLUGIN.replace('version = "3"', ""), "it lacks version"),
    ],
)
def test_a_plugin_that_cannot_be_used_says_why(install, plugin, message):
    install({"mitigation": {"noop": "other_plugins.noop:Noop"}}, plugin=plugin)
    with pytest.raises(InvalidPlugin, match=message):
        registry.load("mitigation", "noop")


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownPlugin, match=r"No codec is named 'jpg'\. Did you mean 'jpeg'\?"):
        registry.load("codec", "jpg")
    with pytest.raises(UnknownPlugin, match="Run 'suite plugins model'"):
        registry.load("model", "zzz" * 1000)


def test_parameters_are_stated_and_wrong_ones_refused():
    assert registry.parameters_of(registry.load("codec", "jpeg").plugin)["chroma"] == "4:2:0"
    with pytest.raises(InvalidPlugin, match="unexpected keyword argument 'colour'"):
        registry.load("codec", "jpeg", colour="yes")


def test_a_plugins_digest_follows_its_source(tmp_path):
    digests = []
    for text in (PLUGIN, PLUGIN, PLUGIN + "# other\n"):
        file = tmp_path / "mine.py"
        file.write_text(text)
        digests.append(registry.load("mitigation", f"{file}:Noop").ref.digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_models_digest_covers_its_weights(monkeypatch):
    before = registry.load("model", "pv-efficientnet-lite0").ref.digest
    assert before != registry.load("model", "efficientnet-lite0").ref.digest


def test_a_family_makes_what_is_named_after_it(install):
    install({"mitigation": {"noop:": "other_plugins.noop:Family"}}, plugin=FAMILY)
    loaded = registry.load("mitigation", "noop:level-7.a")
    assert (loaded.ref.name, loaded.plugin.member) == ("noop:level-7.a", "level-7.a")


@pytest.mark.parametrize("name", ["noop:", "noop", "hoop:level-7"])
def test_a_family_is_no_plugin_and_another_one_is_unknown(install, name):
    install({"mitigation": {"noop:": "other_plugins.noop:Family"}}, plugin=FAMILY)
    with pytest.raises(UnknownPlugin):
        registry.load("mitigation", name)


def test_a_codecs_digest_covers_its_build(monkeypatch):
    before = registry.load("codec", "webp").ref
    assert before.build.startswith("Pillow")
    monkeypatch.setattr("plugins.codecs.webp.Webp.build", "another libwebp")
    after = registry.load("codec", "webp").ref
    assert (after.build, after.digest != before.digest) == ("another libwebp", True)


def names_of(sources):
    return {Path(source).name for source in sources}


def test_a_plugins_sources_are_all_that_it_imports_from_its_package():
    codecs = Path(plugins.__file__).parent / "codecs"
    assert names_of(registry.sources_of(str(codecs / "none.py"))) == {"none.py"}
    assert names_of(registry.sources_of(str(codecs / "webp.py"))) == {"webp.py", "checks.py"}
    neural = {"neural.py", "neural_network.py", "neural_bitstream.py", "checks.py"}
    assert names_of(registry.sources_of(str(codecs / "neural.py"))) == neural


def test_a_change_in_a_module_that_plugins_share_is_a_change_of_each(install, tmp_path):
    plugin = "from other_plugins import shared\nfrom os import path\n" + PLUGIN
    install({"mitigation": {"noop": "other_plugins.noop:Noop"}}, plugin=plugin)
    shared = tmp_path / "other_plugins" / "shared.py"
    digests = []
    for text in ("import other_plugins.deeper", "import other_plugins.deeper  # changed"):
        shared.write_text(text)
        for deeper in ("WIDTH = 1", "WIDTH = 2"):
            (tmp_path / "other_plugins" / "deeper.py").write_text(deeper)
            registry.sources_of.cache_clear()
            digests.append(registry.load("mitigation", "noop").ref.digest)
    assert len(set(digests)) == 4
