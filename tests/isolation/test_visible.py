"""What a plugin's process is shown when it runs in the environment of its host."""

import json
import shutil
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from suite.errors import PluginError
from suite.isolation import installer, visible
from suite.isolation.environments import current
from suite.isolation.visible import masked_below, roots_of, unnested
from tests.wheels import wheel

ROOT = Path(__file__).resolve().parents[2]


def site_of(prefix):
    """Make a prefix's directory of packages."""
    site = prefix / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    return site


def install(site, name, files, links):
    """Put a package in such a directory, as an installer does."""
    links.mkdir(exist_ok=True)
    wheel(links, name, "1", files)
    shutil.unpack_archive(links / f"{name}-1-py3-none-any.whl", site, "zip")


@pytest.fixture
def prefix(tmp_path):
    """Give a prefix with the images of a protocol in a package, and another package."""
    site = site_of(tmp_path / "prefix")
    files = {"elpv_dataset/__init__.py": "", "elpv_dataset/data/a.png": "", "elpv_extra/b.png": ""}
    install(site, "elpv_dataset", files, tmp_path / "links")
    install(site, "plain", {"plain/__init__.py": ""}, tmp_path / "links")
    return tmp_path / "prefix"


def test_this_process_environment_has_what_is_installed_and_shows_no_private_directory(own_home):
    environment = current()
    assert environment.python == Path(sys.executable)
    assert {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()} <= {one.resolve() for one in environment.roots}
    frozen = installer.run_uv("pip", "freeze", "--python", sys.executable).splitlines()
    assert set(environment.packages) >= {line for line in frozen if "==" in line} != set()
    assert list(environment.packages) == sorted(environment.packages)
    for private in (ROOT, own_home.resolve(), Path.cwd()):
        assert not any(private.is_relative_to(root) for root in environment.roots)


def test_the_images_of_this_process_environment_are_masked():
    if not any(visible.canonical(one.name) == "elpv-dataset" for one in distributions()):
        pytest.skip("elpv-dataset is not installed")
    environment = current()
    images = [path for root in environment.roots for path in root.rglob("elpv_dataset/data/labels.csv")]
    assert images
    assert all(any(path.is_relative_to(hidden) for hidden in environment.masked) for path in images)


def test_packages_with_images_are_masked_by_what_they_installed_and_nothing_else_is(prefix):
    site = prefix / "lib" / "python3.11" / "site-packages"
    assert masked_below([prefix]) == (site / "elpv_dataset", site / "elpv_extra")
    assert masked_below([site]) == (site / "elpv_dataset", site / "elpv_extra")


def test_a_root_by_another_name_is_masked_by_that_name_too(prefix, tmp_path):
    (tmp_path / "alias").symlink_to(prefix)
    masked = masked_below(roots_of([tmp_path / "alias"], []))
    tops = [one / "lib" / "python3.11" / "site-packages" for one in (tmp_path / "alias", prefix)]
    assert masked == tuple(top / name for top in tops for name in ("elpv_dataset", "elpv_extra"))


def test_images_that_cannot_be_hidden_are_an_error(prefix):
    next(prefix.rglob("elpv_dataset-1.dist-info/RECORD")).unlink()
    with pytest.raises(PluginError, match=r"elpv_dataset holds the images .* cannot be hidden"):
        masked_below([prefix])


def test_what_is_private_below_a_root_is_masked(tmp_path, monkeypatch):
    for name in ("home", "here"):
        (tmp_path / "prefix" / name).mkdir(parents=True)
    monkeypatch.setenv("SUITE_HOME", str(tmp_path / "prefix" / "home"))
    monkeypatch.chdir(tmp_path / "prefix" / "here")
    assert masked_below([tmp_path / "prefix"]) == (tmp_path / "prefix" / "here", tmp_path / "prefix" / "home")
    assert masked_below([tmp_path / "prefix" / "here"]) == ()
    (tmp_path / "prefix" / "home").rmdir()
    assert masked_below([tmp_path / "prefix"]) == (tmp_path / "prefix" / "here",)


def test_what_else_is_on_the_path_is_a_root_unless_it_is_private(tmp_path, monkeypatch):
    here, other, editable = (tmp_path / name for name in ("here", "other", "editable"))
    for directory in (here, other, editable / "src"):
        directory.mkdir(parents=True)
    (tmp_path / "python311.zip").touch()
    monkeypatch.chdir(here)
    install(other, "mine", {}, tmp_path / "links")
    where = {"url": editable.as_uri(), "dir_info": {"editable": True}}
    (other / "mine-1.dist-info" / "direct_url.json").write_text(json.dumps(where))
    monkeypatch.syspath_prepend(other)
    prefix = tmp_path / "prefix"
    inside = site_of(prefix)
    path = ["", str(here), str(tmp_path), str(ROOT), str(editable / "src"), str(inside), str(other)]
    assert roots_of([prefix], [*path, str(tmp_path / "gone"), str(tmp_path / "python311.zip")]) == (prefix, other)


def test_no_root_is_named_twice_or_lies_in_another():
    paths = [Path(path) for path in ("/a/b", "/a", "/c/d", "/a/b", "/c/de")]
    assert unnested(paths) == (Path("/a"), Path("/c/d"), Path("/c/de"))
