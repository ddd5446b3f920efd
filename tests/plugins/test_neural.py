"""The neural codecs against CompressAI itself, on networks of random weights: the zoo's own are not downloaded here."""

import hashlib
import json
import re
import subprocess
import sys
from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plugins.codecs import neural, neural_bitstream, neural_network
from plugins.codecs.neural_bitstream import Reader, Stream, Tables
from suite.api import Availability, Setting
from suite.contracts import check_codec
from suite.contracts.specimens import mutations, photo
from suite.errors import AlteredWeights, CodecError, InvalidPlugin, MissingWeights, UsageError

if find_spec("compressai") is None:
    pytest.skip("needs compressai, which has no wheel for Python 3.13", allow_module_level=True)

ROOT = Path(__file__).parents[2]
FACTORIZED = neural.Bmshj2018Factorized
ZOO = (
    *(FACTORIZED, neural.Bmshj2018Hyperprior, neural.Mbt2018Mean),
    *(neural.Mbt2018, neural.Cheng2020Anchor, neural.Cheng2020Attn),
)
CHANNELS = {FACTORIZED: (8, 12), neural.Cheng2020Anchor: (8,), neural.Cheng2020Attn: (8,)}
every = pytest.mark.parametrize("kind", ZOO, ids=lambda kind: kind.name)


@pytest.fixture(scope="module", autouse=True)
def imported():
    """Import CompressAI as the codecs do, without its warnings, before a test imports a part of it."""
    neural_network.compressai_module("compressai.ans")


def quality(value):
    return Setting("quality", value)


@pytest.fixture(scope="module")
def torch():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)  # of CompressAI's own calls here: bits depend on it
    yield torch
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def networks(torch):
    """Return a function that gives a small random network whose latents spread the more, the higher the quality."""
    models = neural_network.compressai_module("compressai.models")

    def network(kind, value=1):
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(1)
            made = getattr(models, neural_network.ARCHITECTURES[kind.architecture])(*CHANNELS.get(kind, (8, 12)))
            for name, weight in made.named_parameters():
                weight *= 2 if re.match(r"g_a.*weight", name) and "gamma" not in name else 1
                weight *= 3 if re.match(r"h_a.*weight", name) else 1
            last = made.g_a[-1] if hasattr(made.g_a[-1], "weight") else made.g_a[-2]
            last.weight *= 2.0**value
            made.entropy_bottleneck.quantiles += torch.rand_like(made.entropy_bottleneck.quantiles)
            made.update(force=True)
        return made.eval()

    return network


@pytest.fixture
def registered(torch, networks, tmp_path, own_home):
    """Return a function that registers weights as the files of the zoo, and makes the codec that reads them."""

    def codec(kind, values=(1,), change=lambda state: state, **parameters):
        made, records = kind(**parameters), {}
        for value in values:
            file = tmp_path / made.published[value - 1].file
            torch.save(change(networks(kind, value).state_dict()), file)
            records[file.name] = {"path": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        (own_home / "weights.json").write_text(json.dumps(records))
        return made

    return codec


def by_compressai(torch, network, image, precision="float32", multiple=64):
    """Return the strings, hyper-latents' first, and the pixels that CompressAI gets by itself."""
    from compressai.ops import compute_padding

    x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].to(getattr(torch, precision)) / 255
    pad, unpad = compute_padding(*image.shape[:2], min_div=multiple)
    with torch.no_grad():
        out = network.to(x.dtype).compress(torch.nn.functional.pad(x, pad))
        x_hat = network.decompress(out["strings"], out["shape"])["x_hat"]
    pixels = (torch.nn.functional.pad(x_hat, unpad)[0] * 255).round().byte().permute(1, 2, 0).numpy()
    return tuple(strings[0] for strings in reversed(out["strings"])), pixels


def strings_in(codec, data):
    return neural_bitstream.read(data, len(codec.network(1).parts)).strings


def test_the_files_are_those_of_the_zoo():
    urls = neural_network.compressai_module("compressai.zoo.image").model_urls
    for kind in ZOO:
        for metric in ("mse", "ms-ssim"):
            codec = kind(metric=metric)
            assert {value: codec.published[value - 1].url for value in codec.qualities} == urls[kind.name][metric]
            assert [setting.value for setting in codec.settings()] == list(urls[kind.name][metric])
            for weights in codec.published:
                assert weights.url.endswith("/" + weights.file)
                assert weights.file.endswith(f"-{weights.sha256}.pth.tar")
    assert set(urls) == {kind.name for kind in ZOO}


@every
@pytest.mark.parametrize("size", [(64, 64), (65, 130), (1, 3)], ids=str)
def test_is_what_compressai_does_by_itself(torch, networks, registered, kind, size):
    codec = registered(kind)
    data = codec.encode(photo(*size), quality(1))
    strings, pixels = by_compressai(torch, networks(kind), photo(*size))
    assert strings_in(codec, data) == strings
    assert np.array_equal(codec.decode(data), pixels)
    assert pixels.std() > 1 or size == (1, 3)  # else it would prove little


@pytest.mark.parametrize("kind", ZOO[:3], ids=lambda kind: kind.name)
def test_is_what_compressai_does_in_float64(torch, networks, registered, kind):
    codec = registered(kind, precision="float64")
    data = codec.encode(photo(50, 70), quality(1))
    strings, pixels = by_compressai(torch, networks(kind), photo(50, 70), "float64")
    assert strings_in(codec, data) == strings
    assert np.array_equal(codec.decode(data), pixels)


@pytest.mark.parametrize("kind", ZOO[3:], ids=lambda kind: kind.name)
def test_autoregressive_models_go_round_in_float64(registered, kind):
    codec = registered(kind, precision="float64")  # CompressAI keeps their latents in float32 when it decodes
    assert codec.decode(codec.encode(photo(50, 70), quality(1))).shape == (50, 70, 3)


@every
def test_keeps_the_contract(registered, kind):
    codec = registered(kind, kind().qualities)
    assert [finding for finding in check_codec(codec) if not finding.ok] == []


def test_bits_do_not_depend_on_threads(torch, registered):
    codec = registered(neural.Mbt2018Mean)
    image, found = photo(130, 200), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        data = codec.encode(image, quality(1))
        found.append((data, codec.decode(data).tobytes()))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(1)
    assert len(set(found)) == 1


def test_padding_and_its_multiple_are_as_stated(torch, networks, registered):
    codec = registered(FACTORIZED, multiple=16)
    image = photo(17, 33)
    assert (
        strings_in(codec, codec.encode(image, quality(1)))
        == (by_compressai(torch, networks(FACTORIZED), image, multiple=16)[0])
    )
    edge = registered(FACTORIZED, padding="edge", multiple=32)
    padded = np.pad(image, ((7, 8), (15, 16), (0, 0)), "edge")
    data, whole = edge.encode(image, quality(1)), edge.encode(padded, quality(1))
    assert strings_in(edge, data) == strings_in(edge, whole)
    assert np.array_equal(edge.decode(data), edge.decode(whole)[7:24, 15:48])


def test_files_of_the_zoo_of_any_age_give_the_same(registered):
    """The zoo's files have the keys that CompressAI used in 2020."""
    old = {"biases": "_biases", "matrices": "_matrices", "factors": "_factors", "skip": "downsample"}

    def renamed(state):
        return {".".join(old.get(part, part) for part in name.split(".")): value for name, value in state.items()}

    def without_tables(state):
        return {name: value for name, value in state.items() if not name.endswith(("_cdf", "_offset", "_cdf_length"))}

    def empty_tables(state):
        made = without_tables(state)
        return made | {name: value[:0] for name, value in state.items() if name not in made}

    for kind in (FACTORIZED, neural.Cheng2020Anchor):
        found = set()
        for change in (dict, renamed, without_tables, empty_tables, lambda state: renamed(without_tables(state))):
            found.add(registered(kind, change=change).encode(photo(40, 40), quality(1)))
        assert len(found) == 1


@every
def test_a_wrong_checksum_is_an_error(registered, kind):
    codec = registered(kind)
    stream = neural_bitstream.read(codec.encode(photo(20, 30), quality(1)), len(codec.network(1).parts))
    with pytest.raises(CodecError, match=f"{kind.name} decoded other pixels than the encoder saw"):
        codec.decode(neural_bitstream.written(stream._replace(checksum=stream.checksum ^ 1)))


def test_pixels_that_the_encoder_did_not_see_are_an_error(monkeypatch, registered):
    codec = registered(FACTORIZED)
    right = neural_network.entropy_coded

    def altered(symbols, indexes, tables):
        return right([symbols[0] + 1, *symbols[1:]], indexes, tables)

    assert codec.decode(codec.encode(photo(20, 30), quality(1))).shape == (20, 30, 3)
    monkeypatch.setattr(neural_network, "entropy_coded", altered)
    with pytest.raises(CodecError, match="other pixels than the encoder saw"):
        codec.decode(codec.encode(photo(20, 30), quality(1)))


@pytest.mark.parametrize(
    "other",
    [
        {"kind": FACTORIZED, "change": lambda state: state | {"g_s.6.bias": state["g_s.6.bias"] + 0.1}},
        {"kind": FACTORIZED, "multiple": 16},
        {"kind": FACTORIZED, "padding": "edge", "multiple": 32},
        {
            "kind": FACTORIZED,
            "metric": "ms-ssim",
            "change": lambda state: state | {"g_s.0.weight": -state["g_s.0.weight"]},
        },
        {"kind": neural.Bmshj2018Hyperprior},
    ],
)
def test_other_weights_or_parameters_are_an_error(registered, other):
    data = registered(FACTORIZED).encode(photo(20, 30), quality(1))
    with pytest.raises(CodecError):
        registered(**other).decode(data)


@pytest.mark.parametrize("kind", [ZOO[1], ZOO[3]], ids=lambda kind: kind.name)
def test_refuses_truncations_and_what_follows_the_end(registered, kind):
    codec = registered(kind)
    data = codec.encode(photo(16, 16), quality(1))
    ends = [*range(30), *range(30, len(data), 7), len(data) - 1]
    for other in [*(data[:end] for end in ends), data + b"\0", data + bytes(4)]:
        with pytest.raises(CodecError):
            codec.decode(other)


@pytest.mark.parametrize("kind", [FACTORIZED, ZOO[1]], ids=lambda kind: kind.name)
@pytest.mark.parametrize("size", [(0, 8), (8, 0), (1 << 26, 1), (1 << 34, 1 << 34), (8192, 8192)], ids=str)
def test_refuses_announced_sizes(registered, kind, size):
    codec = registered(kind)
    stream = neural_bitstream.read(codec.encode(photo(8, 8), quality(1)), len(codec.network(1).parts))
    with pytest.raises(CodecError):
        codec.decode(neural_bitstream.written(stream._replace(height=size[0], width=size[1])))


def test_damaged_bitstreams_of_the_widest_size_give_codec_error(registered):
    codec = registered(ZOO[1], ZOO[1]().qualities)
    stream = neural_bitstream.read(codec.encode(photo(64, 64), quality(1)), 2)
    large = neural_bitstream.written(stream._replace(height=8192, width=8192))
    for damaged in mutations(large):
        with pytest.raises(CodecError):
            codec.decode(damaged)


def test_missing_weights_are_named():
    codec = FACTORIZED()
    with pytest.raises(MissingWeights, match=r"bmshj2018-factorized-prior-3-5c6f152b\.pth\.tar.*suite data weights"):
        codec.encode(photo(8, 8), quality(3))
    assert [weight.sha256 for weight in codec.weights] == neural.ZOO_FILES[codec.name]["mse"][1].split()


def test_weights_that_were_altered_are_refused(registered):
    codec = registered(FACTORIZED)
    path = codec.weights[0].path
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(AlteredWeights, match=re.escape(str(path))):
        codec.encode(photo(8, 8), quality(1))


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {name: value for name, value in state.items() if not name.startswith("g_s")},
        lambda state: state | {"g_a.0.bias": state["g_a.0.bias"][:3]},
        lambda state: state | {"entropy_bottleneck._quantized_cdf": state["entropy_bottleneck._quantized_cdf"] * 2},
        lambda state: state | {"entropy_bottleneck._offset": state["entropy_bottleneck._offset"][:-1]},
        lambda state: {"g_a.6.weight": state["g_a.6.weight"]},
    ],
)
def test_weights_that_do_not_fit_are_refused(registered, change):
    codec = registered(FACTORIZED, change=change)
    with pytest.raises(AlteredWeights, match=re.escape(str(codec.weights[0].path))):
        codec.encode(photo(8, 8), quality(1))


def test_weights_of_another_architecture_are_refused(registered, monkeypatch):
    codec = registered(neural.Cheng2020Anchor)
    monkeypatch.setattr(neural.Cheng2020Anchor, "architecture", "mbt2018")
    with pytest.raises(AlteredWeights, match="not those of mbt2018"):
        codec.encode(photo(8, 8), quality(1))


def test_a_network_is_loaded_once_and_draws_no_random_numbers(torch, registered, monkeypatch):
    codec, calls = registered(FACTORIZED), []
    right = neural_network.network_of
    monkeypatch.setattr(neural_network, "network_of", lambda *given: calls.append(given) or right(*given))
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: codec.encode(photo(8, 8), quality(1)), range(8)))
    assert (len(found), len(calls)) == (1, 1)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        *((FACTORIZED, {"metric": "psnr"}), (FACTORIZED, {"precision": "float16"}), (FACTORIZED, {"device": "cuda"})),
        *((FACTORIZED, {"threads": 2}), (FACTORIZED, {"padding": "reflect"}), (FACTORIZED, {"multiple": 8})),
        *((FACTORIZED, {"rounding": "down"}), (neural.Mbt2018, {"multiple": 16}), (FACTORIZED, {"threads": True})),
    ],
    ids=str,
)
def test_refuses_parameters_that_are_not_implemented(kind, parameters):
    ((name, value),) = parameters.items()
    with pytest.raises(UsageError, match=re.escape(f"{kind.name}'s {name}") + ".*" + re.escape(repr(value))):
        kind(**parameters)


@pytest.mark.parametrize("value", [0, 7, 1.0, True, "1"])
def test_refuses_qualities_that_the_zoo_has_not(value):
    with pytest.raises(CodecError, match="quality=1 to quality=6"):
        neural.Cheng2020Attn().encode(photo(8, 8), quality(value))


def test_refuses_images_that_are_too_large():
    image = np.broadcast_to(np.zeros(3, np.uint8), (1, 1 << 21, 3))  # of no memory
    with pytest.raises(CodecError, match="filled up to multiples of 64, not 2097152x1"):
        FACTORIZED().encode(image, quality(1))


def test_without_compressai_it_says_what_to_do(monkeypatch):
    assert isinstance(FACTORIZED(), Availability)
    assert FACTORIZED().unavailable is None
    monkeypatch.setattr(neural, "find_spec", lambda name: None)
    assert "Install compressai 1.2.8" in FACTORIZED().unavailable
    with pytest.raises(InvalidPlugin, match=r"Install compressai 1\.2\.8"):
        neural_network.compressai_module("compressai.no_such_module")


def test_build_names_what_decides_the_bits(torch):
    capability = torch.backends.cpu.get_cpu_capability()
    assert FACTORIZED().build == f"compressai 1.2.8, torch {torch.__version__}, cpu {capability}"


def test_listing_the_codecs_imports_neither_torch_nor_compressai():
    code = (
        "import sys; from plugins.codecs.neural import Mbt2018; codec = Mbt2018(); "
        "codec.settings(), codec.published, codec.weights, codec.unavailable; "
        "print({'torch', 'compressai'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


@given(st.integers(0, 255), st.tuples(*[st.integers(0, (1 << 35) - 1)] * 2), st.data())
def test_the_container_goes_round(tag, size, data):
    words = st.binary(max_size=40).map(lambda part: part[: len(part) // 4 * 4])
    strings = tuple(data.draw(st.lists(words, min_size=1, max_size=3)))
    stream = Stream(tag, *size, data.draw(st.integers(0, (1 << 32) - 1)), strings)
    assert neural_bitstream.read(neural_bitstream.written(stream), len(strings)) == stream


@st.composite
def tables(draw):
    """Draw tables of one to four rows, with frequencies from 1 on."""
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        weights = np.array(draw(st.lists(st.integers(0, 1000), min_size=2, max_size=12)), float) ** 2
        counts = 1 + np.floor(weights / max(weights.sum(), 1) * (65536 - len(weights))).astype(int)
        counts[0] += 65536 - counts.sum()
        rows.append([0, *accumulate(counts.tolist())])
    return Tables(rows, draw(st.lists(st.integers(-20, 0), min_size=len(rows), max_size=len(rows))))


SYMBOLS = st.one_of(st.integers(-30, 30), st.integers(-(1 << 26) + 1, (1 << 26) - 1))


@given(tables(), st.lists(st.tuples(st.integers(0, 3), SYMBOLS), min_size=4, max_size=60), st.data())
def test_the_reader_reads_what_compressai_writes_and_reads(coded, pairs, data):
    from compressai.ans import RansDecoder

    indexes = [index % len(coded.rows) for index, _ in pairs]
    symbols = [symbol for _, symbol in pairs]
    string = neural_network.entropy_coded(symbols, indexes, coded)
    reader = Reader(string)
    assert reader.symbols(coded, indexes[:3]) + reader.symbols(coded, indexes[3:]) == symbols
    reader.finish()
    theirs = RansDecoder().decode_with_indexes(string, indexes, coded.rows, coded.lengths, coded.offsets)
    assert theirs == symbols
    assert neural_network.entropy_decoded(string, coded, indexes, len(indexes)) == symbols
    end = data.draw(st.integers(0, len(string) - 1))
    with pytest.raises(CodecError):
        Reader(string[:end]).symbols(coded, indexes)
    more = data.draw(st.integers(1, 1 << 32)) % (1 << 32)
    for other in (string[:end], string[: end // 4 * 4], string + more.to_bytes(4), string + bytes(4)):
        with pytest.raises(CodecError):
            neural_network.entropy_decoded(other, coded, indexes, len(indexes))


@pytest.mark.parametrize("value", [1 << 26, -(1 << 26), -(1 << 31)])
def test_symbols_that_compressai_would_never_finish_are_refused(value):
    with pytest.raises(CodecError, match="no finite numbers"):
        neural_network.entropy_coded([0, value], [0, 0], Tables([[0, 1, 1 << 16]], [0]))


def test_weights_that_give_no_finite_numbers_are_refused(registered):
    codec = registered(ZOO[1], change=lambda state: state | {"g_a.6.bias": state["g_a.6.bias"] * np.inf})
    with pytest.raises(CodecError, match="no finite numbers"):
        codec.encode(photo(8, 8), quality(1))


@pytest.mark.parametrize("kernel", [5, 3, 4])
@pytest.mark.parametrize("stride", [2, 1, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_folded_deconvolutions_are_torchs_to_the_bit(kernel, stride, bias):
    import torch

    torch.manual_seed(kernel)
    options = {"stride": stride, "padding": (kernel - 1) // 2, "output_padding": stride - 1, "bias": bias}
    layer = torch.nn.ConvTranspose2d(24, 7, kernel, **options).double()
    for height, width in ((1, 1), (5, 9), (24, 32)):
        x = torch.randn(1, 24, height, width, dtype=torch.float64)
        with torch.inference_mode():
            assert torch.equal(neural_network.folded(layer, x), layer(x))


@given(tables(), st.binary(max_size=120))
def test_the_reader_raises_codec_error_only(coded, noise):
    try:
        reader = Reader(noise)
        values = reader.symbols(coded, [index % len(coded.rows) for index in range(500)])
        reader.finish()
    except CodecError:
        return
    assert len(values) == 500


NOISE = st.lists(st.one_of(st.just(0xFFFFFFFF), st.integers(0, (1 << 32) - 1)), max_size=30)


@given(st.one_of(tables(), st.just(Tables([[0, 1, 1 << 16]], [0]))), NOISE, st.sampled_from([1, 30, 500]))
@example(Tables([[0, 1, 1 << 16]], [0]), [10, 0, 0], 1)
@settings(max_examples=300)
def test_compressais_decoder_stays_inside_the_fence_and_sees_the_end(coded, words, count):
    string = np.array(words, "<u4").tobytes()
    indexes = [index % len(coded.rows) for index in range(count)]
    try:
        fence = neural_bitstream.fenced(string, count)
        assert words_read(string, coded, indexes) <= len(fence) // 4
        symbols = neural_network.entropy_decoded(string, coded, indexes, count)
    except CodecError:
        return
    reader = Reader(string)
    assert reader.symbols(coded, indexes) == symbols
    reader.finish()


HIGH_ENDS = st.builds(lambda value, zeros: (value << zeros) % (1 << 64), st.integers(0, 1 << 32), st.integers(0, 63))


@given(st.one_of(st.integers(0, (1 << 64) - 1), HIGH_ENDS), st.lists(st.integers(0, (1 << 32) - 1), max_size=2))
@example(1 << 31, [])
@example(9 << 28, [])
@example((1 << 31) + 0x100, [])
@example((1 << 31) + (1 << 16), [])
@example(1 << 15, [])
@settings(max_examples=2000)
def test_only_a_string_that_has_ended_is_at_its_end(state, words):
    string = np.array([state & 0xFFFFFFFF, state >> 32, *words], "<u4").tobytes()
    if (state, words) == (1 << 31, []):
        assert neural_network.entropy_decoded(string, Tables([], []), [], 0) == []
    else:
        with pytest.raises(CodecError, match="does not end"):
            neural_network.entropy_decoded(string, Tables([], []), [], 0)


def words_read(string, coded, indexes):
    """Return how many words CompressAI's decoder reads of a string with zeros behind it, however long its escapes."""
    words = [*np.frombuffer(string, "<u4").tolist(), 0, 0]
    read, state = 2, words[1] << 32 | words[0]

    def renewed(state):
        nonlocal read
        if state >= 1 << 31:
            return state
        read += 1
        return state << 32 | (words[read - 1] if read <= len(words) else 0)

    for index in indexes:
        row, low = coded.rows[index], state & 0xFFFF
        symbol = bisect_right(row, low) - 1
        state = renewed((row[symbol + 1] - row[symbol]) * (state >> 16) + low - row[symbol])
        groups, counting = 1 if symbol == len(row) - 2 else 0, True
        while groups:
            groups, nibble, state = groups - 1, state & 15, renewed(state >> 4)
            if counting:
                groups, counting = groups + nibble + (nibble == 15), nibble == 15
    return read


def test_strings_of_very_many_symbols_are_read_alike(monkeypatch):
    coded, symbols = Tables([[0, 1 << 15, (1 << 16) - 1, 1 << 16]], [-1]), [0, -1, 5, 0] * 50
    string = neural_network.entropy_coded(symbols, [0] * 200, coded)
    for most in (200, 199):
        monkeypatch.setattr(neural_network, "MOST_AT_ONCE", most)
        assert neural_network.entropy_decoded(string, coded, iter([0] * 200), 200) == symbols
        for other in (string[:-4], string + bytes(4)):
            with pytest.raises(CodecError):
                neural_network.entropy_decoded(other, coded, iter([0] * 200), 200)


@pytest.fixture
def pv():
    """Give the codec with the weights that come with the suite."""
    return neural.PvFactorized()


def test_pv_factorized_keeps_the_contract(pv):
    assert [setting.value for setting in pv.settings()] == [1, 2, 3, 4, 5, 6]
    assert [finding for finding in check_codec(pv) if not finding.ok] == []


def test_pv_factorized_gives_the_same_on_another_kind_of_processor(pv, monkeypatch):
    """The other process uses no vector instructions in torch's own operators and other ones in MKL and oneDNN."""
    code = (
        "import hashlib; from plugins.codecs import neural; from suite.contracts.specimens import photo; "
        "codec = neural.PvFactorized(); streams = [codec.encode(photo(90, 80), s) for s in codec.settings()]; "
        "pixels = [codec.decode(stream).tobytes() for stream in streams]; "
        "print(codec.build.split()[-1], hashlib.sha256(b''.join(streams + pixels)).hexdigest())"
    )
    for name, value in {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
    }.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    streams = [pv.encode(photo(90, 80), setting) for setting in pv.settings()]
    pixels = [pv.decode(stream).tobytes() for stream in streams]
    assert done.stdout.split() == ["DEFAULT", hashlib.sha256(b"".join(streams + pixels)).hexdigest()]


def test_a_stream_that_asks_for_weights_that_are_not_here_is_refused(monkeypatch, tmp_path):
    """Damage to the first byte may name another quality, whose file the user need not have."""
    stream = neural.PvFactorized().encode(photo(20, 30), Setting("quality", 3))
    monkeypatch.setattr(neural, "PV_WEIGHTS", tmp_path)
    with pytest.raises(
        CodecError, match=r"asks for quality 3\. The weights .*pv-factorized-3\.safetensors cannot be read"
    ):
        neural.PvFactorized().decode(stream)
