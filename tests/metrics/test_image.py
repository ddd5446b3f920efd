import cv2
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from suite.errors import CodecError, DataError, InvalidProtocol
from suite.metrics.image import (
    FRAME_METRICS,
    FRAMES_SCHEMA,
    FrameRow,
    bits_per_pixel,
    frames_table,
    measures,
    psnr_db,
    reported,
    ssim,
)


def skimage_ssim(original, decoded):
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return structural_similarity(original, decoded, channel_axis=-1, data_range=255, **options)


def plain_ssim(original, decoded, window):
    """The textbook, window by window in float64."""
    weights = np.exp(-0.5 * (np.arange(window) - window // 2) ** 2 / 1.5**2)
    weights = np.outer(weights, weights) / weights.sum() ** 2
    values = []
    for top, left, channel in np.ndindex(original.shape[0] - window + 1, original.shape[1] - window + 1, 3):
        place = np.s_[top : top + window, left : left + window, channel]
        x, y = original[place].astype(float), decoded[place].astype(float)
        mx, my = (weights * x).sum(), (weights * y).sum()
        vx, vy, vxy = (
            (weights * x * x).sum() - mx**2,
            (weights * y * y).sum() - my**2,
            (weights * x * y).sum() - mx * my,
        )
        c1, c2 = 2.55**2, 7.65**2
        values.append((2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return np.mean(values)


def images_by_kind(height, width, rng):
    y, x = np.mgrid[:height, :width]
    down, across = 255 * y / (height - 1), 255 * x / (width - 1)
    flat = np.zeros((height, width, 3))
    return {
        "noise": rng.integers(0, 256, flat.shape),
        "dark": rng.integers(0, 4, flat.shape),
        "bright": rng.integers(250, 256, flat.shape),
        "black": flat,
        "white": flat + 255,
        "red": flat + np.array([255, 0, 0]),
        "gradient": np.stack([across, down, 255 - across], -1),
        "grey gradient": flat + across[..., None],
        "checkers": flat + ((y // 16 + x // 16) % 2 * 255)[..., None],
    }


@st.composite
def image_pairs(draw):
    height, width = draw(st.integers(11, 90)), draw(st.integers(11, 90))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    images = images_by_kind(height, width, rng)
    original = images[draw(st.sampled_from(sorted(images)))].astype(np.uint8)
    spread, offset = draw(st.sampled_from([0, 0.3, 1, 5, 20, 80])), draw(st.sampled_from([0, 1, -7, 90]))
    noise = spread * rng.standard_normal((height, width, draw(st.sampled_from([1, 3])))) + offset
    return original, np.clip(np.round(original + noise), 0, 255).astype(np.uint8)


@settings(deadline=None, max_examples=150)
@given(image_pairs())
def test_ssim_agrees_with_skimage(pair):
    assert ssim(*pair) == pytest.approx(skimage_ssim(*pair), abs=5e-6)


def test_ssim_agrees_with_skimage_on_a_decoded_jpeg():
    rng = np.random.default_rng(3)
    original = cv2.GaussianBlur(rng.integers(0, 256, (120, 161, 3), np.uint8), (9, 9), 2)
    decoded = cv2.imdecode(cv2.imencode(".jpg", original, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], cv2.IMREAD_COLOR)
    assert ssim(original, decoded) == pytest.approx(skimage_ssim(original, decoded), abs=1e-6)


def test_a_grey_image_has_the_value_of_its_channel_and_one_colour_channel_counts():
    grey = np.repeat(np.random.default_rng(4).integers(0, 256, (40, 40, 1), np.uint8), 3, -1)
    darker = grey // 2
    one_darker = grey.copy()
    one_darker[..., 2] //= 2
    assert ssim(grey, darker) == pytest.approx(skimage_ssim(grey, darker), abs=1e-6)
    assert ssim(grey, one_darker) == pytest.approx((2 + ssim(grey, darker)) / 3, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32))
def test_a_small_image_gets_the_largest_odd_window_that_fits(height, width, seed):
    original, decoded = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), np.uint8)
    window = next(size for size in (11, 9, 7, 5, 3, 1) if size <= min(height, width))
    assert ssim(original, decoded) == pytest.approx(plain_ssim(original, decoded, window), abs=1e-6)


@pytest.mark.parametrize("side", [1, 2, 11, 64])
def test_identical_images_have_ssim_one_and_the_capped_psnr(side):
    image = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    assert ssim(image, image.copy()) == 1.0
    assert psnr_db(image, image.copy()) == 100.0


@settings(deadline=None)
@given(arrays(np.uint8, (2, 7, 5, 3)))
def test_psnr_agrees_with_skimage(pair):
    assume(not np.array_equal(*pair))
    assert psnr_db(*pair) == pytest.approx(peak_signal_noise_ratio(*pair, data_range=255), abs=1e-9)


def test_psnr_is_capped_where_one_sample_of_many_differs():
    black = np.zeros((400, 500, 3), np.uint8)
    nearly = black.copy()
    nearly[7, 7, 1] = 1
    assert peak_signal_noise_ratio(black, nearly, data_range=255) > 100
    assert psnr_db(black, nearly) == 100.0


def test_psnr_does_not_overflow_on_a_large_image():
    assert psnr_db(np.zeros((3000, 4000, 3), np.uint8), np.full((3000, 4000, 3), 255, np.uint8)) == 0.0


@pytest.mark.parametrize("view", [np.s_[:, ::-1], np.s_[::-2, ::3], np.s_[3:30, 5:37]])
def test_views_and_read_only_images_measure_as_their_copies(view):
    original, decoded = np.random.default_rng(9).integers(0, 256, (2, 50, 60, 3), np.uint8)
    original.flags.writeable = decoded.flags.writeable = False
    for metric in (ssim, psnr_db):
        assert metric(original[view], decoded[view]) == metric(original[view].copy(), decoded[view].copy())


@pytest.mark.parametrize("metric", [ssim, psnr_db])
@pytest.mark.parametrize("decoded", [np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4, 3)), np.zeros((5, 4), np.uint8)])
def test_a_decoded_image_of_another_shape_is_refused(metric, decoded):
    with pytest.raises(CodecError, match=r"Expected .*uint8 of shape \(5, 4, 3\), but got"):
        metric(np.zeros((5, 4, 3), np.uint8), decoded)


def test_opencv_runs_on_one_thread():
    ssim(*np.zeros((2, 4, 4, 3), np.uint8))
    assert cv2.getNumThreads() == 1


def test_bits_per_pixel():
    assert bits_per_pixel(1000, 20, 100) == 4.0


ROWS = [FrameRow(100, 400, 30.0, 0.5), FrameRow(300, 600, 40.0, 1.0)]


def test_frame_measures_are_means_over_images():
    found = {measure.name: measure.value for measure in measures(frames_table(ROWS), FRAME_METRICS)}
    spread = {"bits_per_pixel_p5": 2.1, "bits_per_pixel_p50": 3.0, "bits_per_pixel_p95": 3.9}
    means = {"bits_per_pixel": 3.0, "bytes_per_image": 200.0, "psnr_db": 35.0, "ssim": 0.75}
    assert found == pytest.approx(means | spread)


def test_frame_measures_come_in_the_order_asked_for():
    assert [measure.name for measure in measures(frames_table(ROWS), ["ssim", "bits_per_pixel"])] == [
        "ssim",
        "bits_per_pixel",
    ]


def test_blocks_of_frames_measure_as_one():
    rows = [FrameRow(*row) for row in np.random.default_rng(1).integers(1, 10**6, (1001, 4)).tolist()]
    blocks = pa.concat_tables([frames_table(rows[:333]), frames_table(rows[333:])])
    assert measures(blocks, FRAME_METRICS) == measures(frames_table(rows), FRAME_METRICS)


def test_originals_report_rates_and_no_fidelity():
    originals = frames_table([FrameRow(100, 400), FrameRow(300, 600)])
    assert originals.schema == FRAMES_SCHEMA
    names = reported(FRAME_METRICS, reference=True)
    assert [measure.value for measure in measures(originals, names)] == pytest.approx([3.0, 200.0, 2.1, 3.0, 3.9])
    assert reported(["ssim", "bits_per_pixel"], reference=False) == ("ssim", "bits_per_pixel")


@pytest.mark.parametrize("rows", [[], [FrameRow(1, 1)], [*ROWS, FrameRow(1, 1, 20.0, None)]])
def test_a_metric_that_frames_lack_is_no_mean(rows):
    with pytest.raises(DataError, match=f"of {len(rows)} frames lack it"):
        measures(frames_table(rows), ["ssim"])


def test_an_unknown_frame_metric_is_told_what_there_is():
    with pytest.raises(InvalidProtocol, match=r"named 'psnr'.*bits_per_pixel.*Did you mean 'psnr_db'"):
        measures(frames_table(ROWS), ["psnr"])
