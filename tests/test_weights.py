"""Files of weights: registered by name and digest, downloaded from a real server, and nothing half done kept."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from suite import weights
from suite.api import PublishedWeights
from suite.api.weights import RECORDS, recorded, stated_digest
from suite.errors import AlteredWeights, MissingWeights, UnknownPlugin, UsageError
from suite.progress import Silent

CONTENT = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = f"network-{SHA256[:8]}.pth"


class Bytes(Silent):
    """Progress that remembers what it was told."""

    def __init__(self):
        self.total, self.done = None, 0

    def start(self, what, total):
        self.total = total

    def advance(self, units):
        self.done += units


# Registering


def written(path, content=CONTENT):
    """Write a file and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def register(directory):
    """Register without progress."""
    return weights.register(directory, Silent())


def test_files_are_found_at_any_depth_by_their_suffix(tmp_path):
    names = [NAME, "deep/er/a.safetensors", "b.pth.tar", "c.pt", "d.bin"]
    for name in [*names, "readme.md", "deep/image.jpg"]:
        written(tmp_path / name, CONTENT if name == NAME else name.encode())
    progress = Bytes()
    found = weights.register(tmp_path, progress)
    assert found.refused == ()
    assert {file.file: file.path for file in found.registered} == {
        name.rpartition("/")[2]: tmp_path / name for name in names
    }
    assert (progress.total, progress.done) == (5, 5)
    assert recorded()[NAME] == {"path": str(tmp_path / NAME), "sha256": SHA256}
    assert weights.registered() == sorted(found.registered)


def test_records_grow_and_the_latest_file_of_a_name_counts(tmp_path):
    written(tmp_path / "one" / "a.pth", b"1")
    written(tmp_path / "one" / "b.pth", b"2")
    register(tmp_path / "one")
    moved = written(tmp_path / "two" / "a.pth", b"3")
    register(tmp_path / "two")
    assert {file.file: file.sha256 for file in weights.registered()} == {
        "a.pth": hashlib.sha256(b"3").hexdigest(),
        "b.pth": hashlib.sha256(b"2").hexdigest(),
    }
    moved.unlink()
    assert [file.is_there for file in weights.registered()] == [False, True]


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"\0", b"\1" + CONTENT[1:], b""])
def test_a_file_without_the_digest_of_its_name_is_refused_and_the_others_are_not(tmp_path, content):
    written(tmp_path / NAME, content)
    written(tmp_path / "other.pth")
    found = register(tmp_path)
    assert [file.file for file in found.registered] == ["other.pth"]
    assert len(found.refused) == 1
    assert str(tmp_path / NAME) in found.refused[0]
    assert f"its name states {SHA256[:8]}" in found.refused[0]
    assert NAME not in recorded()


def test_two_files_of_one_name_are_refused_with_both_paths(tmp_path):
    paths = [written(tmp_path / folder / "model.pth", folder.encode()) for folder in ("one", "two")]
    written(tmp_path / "other.pth")
    found = register(tmp_path)
    assert [file.file for file in found.registered] == ["other.pth"]
    assert len(found.refused) == 1
    assert all(str(path) in found.refused[0] for path in paths)


def test_two_copies_of_one_file_are_one(tmp_path):
    for folder in ("one", "two"):
        written(tmp_path / folder / "model.pth")
    found = register(tmp_path)
    assert [file.path for file in found.registered] == [tmp_path / "one" / "model.pth"]
    assert found.refused == ()


def test_a_damaged_copy_does_not_stand_in_the_way_of_a_whole_one(tmp_path):
    written(tmp_path / "one" / NAME, b"half")
    written(tmp_path / "two" / NAME)
    found = register(tmp_path)
    assert [file.path for file in found.registered] == [tmp_path / "two" / NAME]
    assert len(found.refused) == 1


def test_the_hubs_files_take_the_name_of_their_folder(tmp_path):
    cache = tmp_path / "models--timm--vit_tiny.augreg_in21k"
    blob = written(cache / "blobs" / SHA256)
    snapshot = cache / "snapshots" / "0123abc" / "model.safetensors"
    snapshot.parent.mkdir(parents=True)
    snapshot.symlink_to(blob)
    written(tmp_path / "resnet50.a1_in1k" / "model.safetensors", b"folder")
    written(tmp_path / "resnet18.a1_in1k.safetensors", b"file")
    written(tmp_path / "swin" / "pytorch_model.bin", b"bin")
    found = {file.file: file.path for file in register(tmp_path).registered}
    assert found == {
        "vit_tiny.augreg_in21k.safetensors": snapshot,
        "resnet50.a1_in1k.safetensors": tmp_path / "resnet50.a1_in1k" / "model.safetensors",
        "resnet18.a1_in1k.safetensors": tmp_path / "resnet18.a1_in1k.safetensors",
        "swin.bin": tmp_path / "swin" / "pytorch_model.bin",
    }


def test_the_folder_itself_can_be_registered(tmp_path, monkeypatch):
    written(tmp_path / "resnet50.a1_in1k" / "model.safetensors")
    monkeypatch.chdir(tmp_path / "resnet50.a1_in1k")
    assert [file.file for file in register(weights.Path()).registered] == ["resnet50.a1_in1k.safetensors"]


def test_no_directory_and_no_files_are_explained(tmp_path):
    with pytest.raises(UsageError, match=r"There is no directory .*absent"):
        register(tmp_path / "absent")
    with pytest.raises(MissingWeights, match=r"no file of weights \(\.pth"):
        register(tmp_path)


def test_an_unreadable_file_is_refused(tmp_path, monkeypatch):
    written(tmp_path / "a.pth")

    def denied(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(weights, "sha256_of_file", denied)
    assert "a.pth cannot be read (Permission denied)" in register(tmp_path).refused[0]


def test_a_damaged_list_is_not_overwritten(tmp_path, own_home):
    (own_home / RECORDS).write_text("{")
    written(tmp_path / "a.pth")
    with pytest.raises(AlteredWeights, match=r"weights\.json is damaged"):
        register(tmp_path)
    assert (own_home / RECORDS).read_text() == "{"


@pytest.mark.parametrize(
    ("file", "digest"),
    [
        ("resnet50-0676ba61.pth", "0676ba61"),
        ("mnasnet1.0_top1_73.512-f206786ef8.pth", "f206786ef8"),
        ("bmshj2018-factorized-prior-1-446d5c7f.pth.tar", "446d5c7f"),
        ("mask_rcnn_r50_fpn_1x_coco_20200205-d4b0c5d6.pth", "d4b0c5d6"),
        (f"x-{SHA256}.safetensors", SHA256),
        ("vgg13-19584684.pth", "19584684"),
        ("network-20210301.pth", ""),
        ("network-0676ba6.pth", ""),
        ("network-0676BA61.pth", ""),
        ("network0676ba61.pth", ""),
        ("resnet50.a1_in1k.safetensors", ""),
        ("0676ba61-network.pth", ""),
    ],
)
def test_the_digest_that_a_name_states(file, digest):
    assert stated_digest(file) == digest


# What plugins need


def test_what_is_missing_is_absent_or_altered(tmp_path):
    published = [PublishedWeights(name, f"https://example.invalid/{name}") for name in ("a.pth", "b.pth", "c.pth")]
    plugin = type("Plugin", (), {"published": published})
    for name in ("a.pth", "b.pth"):
        written(tmp_path / name)
    register(tmp_path)
    (tmp_path / "b.pth").write_bytes(b"altered")
    assert [file.file for file in weights.missing(plugin)] == ["b.pth", "c.pth"]
    assert weights.missing(object()) == []


def test_a_missing_file_says_which_where_and_the_commands():
    published = PublishedWeights("a.pth", "https://example.invalid/a.pth")
    with pytest.raises(MissingWeights) as caught:
        published.located("torchvision:resnet18.IMAGENET1K_V1").verified()
    message = str(caught.value)
    assert "a.pth (https://example.invalid/a.pth)" in message
    assert "suite data weights DIR" in message
    assert "suite data download torchvision:resnet18.IMAGENET1K_V1" in message


def test_plugins_of_each_kind_are_found_by_name(fake):
    assert weights.named("jpeg").name == "jpeg"
    assert weights.named("efficientnet-lite0").name == "efficientnet-lite0"
    assert weights.named(fake("Brightness")).name == "brightness"
    with pytest.raises(UsageError, match=r"No model, codec or mitigation is named 'jpg'\. Did you mean 'jpeg'\?"):
        weights.named("jpg")
    with pytest.raises(UnknownPlugin, match=r"Did you mean 'torchvision:resnet50\.IMAGENET1K_V2'\?"):
        weights.named("torchvision:resnet50.IMAGENET1K_V3")


# Downloading


class Answers(BaseHTTPRequestHandler):
    """Serves CONTENT: whole, without its length, cut short, or not at all."""

    def do_GET(self):
        self.send_response(404 if self.path == "/absent" else 200)
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:-1] if self.path == "/short" else CONTENT)

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def serve():
    """Give what opens any https address at a local server of plain http."""
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    here = f"http://127.0.0.1:{server.server_port}"
    yield lambda url: urlopen(url.replace("https://example.invalid", here))  # noqa: S310 - this very server
    server.shutdown()
    thread.join()
    server.server_close()


def published(path="/whole", file=NAME, sha256=SHA256[:8]):
    """Return the record of a file at the local server."""
    return PublishedWeights(file, f"https://example.invalid{path}", sha256)


def kept(home):
    """Return every file in the suite's home."""
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


@pytest.mark.parametrize(("path", "total"), [("/whole", len(CONTENT)), ("/unsized", None)])
def test_a_download_is_checked_and_recorded(serve, own_home, path, total):
    progress = Bytes()
    found = weights.download(published(path), progress, open_url=serve)
    assert (progress.total, progress.done) == (total, len(CONTENT))
    assert found == (NAME, SHA256, own_home / "weights" / NAME)
    assert found.path.read_bytes() == CONTENT
    assert published(path).located().verified() == found.path
    assert kept(own_home) == [RECORDS, f"weights/{NAME}"]


@pytest.mark.parametrize(
    ("record", "error", "message"),
    [
        (published("/short"), MissingWeights, "it ended after 1,279,999 of 1,280,000 bytes"),
        (published("/absent"), MissingWeights, "HTTP Error 404: Not Found"),
        (published(sha256="0676ba61"), AlteredWeights, "but 0676ba61… is published. Nothing was kept"),
    ],
)
def test_a_failed_download_leaves_nothing_and_says_what_to_do(serve, own_home, record, error, message):
    with pytest.raises(error) as caught:
        weights.download(record, Silent(), open_url=serve)
    assert message in str(caught.value)
    assert all(part in str(caught.value) for part in (NAME, record.url, "suite data weights DIR"))
    assert kept(own_home) == []


def test_a_failed_download_leaves_the_file_of_before(serve, own_home):
    weights.download(published(), Silent(), open_url=serve)
    with pytest.raises(MissingWeights):
        weights.download(published("/short"), Silent(), open_url=serve)
    assert published().located().verified().read_bytes() == CONTENT


def test_an_interrupted_download_leaves_nothing(serve, own_home):
    class Interrupts(Silent):
        def advance(self, units):
            assert len(kept(own_home)) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weights.download(published(), Interrupts(), open_url=serve)
    assert kept(own_home) == []


def test_no_network_is_explained(own_home):
    def unreachable(url):
        raise URLError("Network is unreachable")

    with pytest.raises(
        MissingWeights, match=r"cannot be downloaded \(.*Network is unreachable.*suite data weights DIR"
    ):
        weights.download(published(), Silent(), open_url=unreachable)
    assert kept(own_home) == []


@pytest.mark.parametrize("scheme", ["http", "file", "ftp", ""])
def test_only_https_is_fetched(tmp_path, scheme):
    local = written(tmp_path / NAME)
    url = f"{scheme}://{local}" if scheme else str(local)
    with pytest.raises(UsageError, match="is not https"):
        weights.download(PublishedWeights(NAME, url), Silent())


def test_a_redirection_away_from_https_is_refused():
    request = Request("https://example.invalid/a")
    follow = weights.OnlyHttps().redirect_request
    with pytest.raises(URLError, match=r"redirected to http://example\.invalid/b, which is not https"):
        follow(request, None, 302, "Found", {}, "http://example.invalid/b")
    assert follow(request, None, 302, "Found", {}, "https://example.invalid/b").full_url == "https://example.invalid/b"


def test_records_are_json_for_people(tmp_path, own_home):
    written(tmp_path / NAME)
    register(tmp_path)
    assert json.loads((own_home / RECORDS).read_text()) == {NAME: {"path": str(tmp_path / NAME), "sha256": SHA256}}


@pytest.fixture
def tried(monkeypatch):
    """Let a test say what each download does, and see which files were tried."""
    files = []

    def outcomes(**by_file):
        def download(published, progress):
            files.append(published.file)
            if published.file in by_file:
                raise by_file[published.file](published.file)

        monkeypatch.setattr(weights, "download", download)
        monkeypatch.delenv("SUITE_OFFLINE")
        return files

    return outcomes


def offered(*files):
    return [PublishedWeights(file, f"https://weights.example/{file}") for file in files]


def test_all_that_is_missing_is_fetched(tried):
    files = tried()
    assert weights.obtain(offered("a.pth", "b.pth"), Silent())
    assert files == ["a.pth", "b.pth"]


def test_without_a_network_the_first_file_is_the_last_that_is_tried(tried):
    files = tried(**{"b.pth": MissingWeights})
    assert weights.obtain(offered("a.pth", "b.pth", "c.pth"), Silent())
    assert files == ["a.pth", "b.pth"]


def test_a_file_with_another_digest_does_not_stop_the_next(tried):
    files = tried(**{"a.pth": AlteredWeights})
    assert weights.obtain(offered("a.pth", "b.pth"), Silent())
    assert not weights.obtain(offered("a.pth"), Silent())
    assert files == ["a.pth", "b.pth", "a.pth"]


def test_nothing_is_tried_offline(tried, monkeypatch):
    files = tried()
    monkeypatch.setenv("SUITE_OFFLINE", "1")
    assert not weights.obtain(offered("a.pth"), Silent())
    assert files == []
