import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import resize as reference

from egaze import resize

FILTERS = ["area", "bilinear", "nearest"]
side = st.integers(1, 19)


@given(
    height=side, width=side, out_height=side, out_width=side, filter=st.sampled_from(FILTERS), seed=st.integers(0, 99)
)
@settings(max_examples=200, deadline=None)
def test_equals_the_definition(height, width, out_height, out_width, filter, seed):
    image = np.random.default_rng(seed).random((height, width), dtype=np.float32)
    expected = reference.resize(image, (out_height, out_width), filter)
    for threads in (1, 3):
        found = resize(image, (out_height, out_width), filter=filter, threads=threads)
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(224, 224), (37, 61), (400, 500)])
def test_bilinear_equals_torch_antialiased(shape):
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(1).random((301, 257), dtype=np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image)[None, None], size=shape, mode="bilinear", antialias=True, align_corners=False
    )
    np.testing.assert_allclose(resize(image, shape, filter="bilinear"), expected[0, 0].numpy(), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("out_dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("filter", FILTERS)
def test_types_scale_and_saturation(dtype, out_dtype, filter):
    generator = np.random.default_rng(2)
    image = (generator.random((23, 31)) * 255).astype(dtype)
    exact = reference.resize(image, (11, 7), filter) * 300.0 - 20.0
    found = resize(image, (11, 7), filter=filter, out_dtype=out_dtype, scale=300.0, shift=-20.0)
    assert found.dtype == out_dtype
    if out_dtype != np.float32:
        exact = np.clip(exact, 0, np.iinfo(out_dtype).max)
    # Rounding may go either way where the sum lies within float32's rounding of a half.
    np.testing.assert_allclose(found, exact, atol=0.51 if out_dtype != np.float32 else 0.05)


def test_any_strides():
    base = np.random.default_rng(3).integers(0, 65536, (40, 60)).astype(np.uint16)
    views = [base, base.T, base[::-1], base[:, ::-1], base[::2, ::3], np.asfortranarray(base)]
    for view in views:
        expected = resize(np.ascontiguousarray(view), (9, 13), out_dtype=np.float32)
        np.testing.assert_array_equal(resize(view, (9, 13), out_dtype=np.float32), expected)


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(11, 7), (23, 31), (40, 50)])
def test_a_table_says_what_values_stand_for(dtype, filter, shape):
    generator = np.random.default_rng(4)
    table = generator.random(200, dtype=np.float32)
    image = generator.integers(0, 200, (23, 31)).astype(dtype)
    for view in (image, image[:, ::-1]):
        found = resize(view, shape, filter=filter, out_dtype=np.float32, table=table, threads=2)
        np.testing.assert_array_equal(found, resize(table[view], shape, filter=filter))


def test_what_lies_beyond_a_table_is_its_last_entry():
    stored = np.array([[0, 1, 2, 3, 4, 255]], dtype=np.uint8)
    table = np.array([10, 20, 30, 40], dtype=np.float32)
    assert resize(stored, stored.shape, out_dtype=np.float32, table=table).tolist() == [[10, 20, 30, 40, 40, 40]]


@pytest.mark.parametrize(
    ("image", "table", "message"),
    [
        (np.zeros((4, 4), np.float32), np.zeros(3), "goes with integer pixels, got 3 entries and float pixels"),
        (
            np.zeros((4, 4), np.uint8),
            np.zeros(70_000),
            "1 to 65536 entries goes with integer pixels, got 70000 entries",
        ),
        (np.zeros((4, 4), np.uint8), np.zeros(0), r"table must have shape \(K,\), K above 0, got \(0,\)"),
        (np.zeros((4, 4), np.uint8), np.zeros((2, 2)), r"table must have shape \(K,\)"),
    ],
)
def test_bad_tables_are_named(image, table, message):
    with pytest.raises(ValueError, match=message):
        resize(image, (2, 2), out_dtype=np.float32, table=table)


@pytest.mark.parametrize("filter", ["area", "bilinear"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_nan_does_not_spread(filter, dtype):
    """Weights of zero that fill up a block of taps must not spread it."""
    table = np.linspace(0, 1, 256, dtype=np.float32)
    table[17] = np.nan
    image = np.full((64, 64), 5, np.uint8)
    image[32, 32] = 17
    options = {"out_dtype": np.float32, "filter": filter}
    if dtype == np.float32:
        found = resize(table[image], (16, 16), **options)
    else:
        found = resize(image.astype(dtype), (16, 16), table=table, **options)
    spread = np.isnan(found)
    assert spread[8, 8] and spread.sum() == (1 if filter == "area" else 4)


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("shape", [(64, 64), (105, 2), (211, 148), (230, 180), (1, 1)])
def test_the_result_does_not_depend_on_threads(filter, shape):
    """Each part begins with what it shares with the part before, in the order of one thread."""
    radiograph = np.random.default_rng(5).integers(0, 4096, (211, 148)).astype(np.uint16)
    alone = resize(radiograph, shape, filter=filter, out_dtype=np.float32)
    np.testing.assert_allclose(alone, reference.resize(radiograph, shape, filter), rtol=1e-5, atol=1e-2)
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(
            resize(radiograph, shape, filter=filter, out_dtype=np.float32, threads=threads), alone
        )


def test_a_constant_stays_itself():
    for filter in FILTERS:
        found = resize(np.full((101, 67), 40000, np.uint16), (224, 13), filter=filter)
        assert (found == 40000).all()


@pytest.mark.parametrize(
    ("image", "shape", "options", "error", "message"),
    [
        (np.zeros((4, 4)), (2, 2), {}, TypeError, "must be uint8, uint16 or float32, got float64"),
        (np.zeros((4, 4), ">u2"), (2, 2), {}, TypeError, "got >u2|got uint16"),
        (np.zeros((4, 4, 3), np.uint8), (2, 2), {}, ValueError, r"must have shape \(H, W\), got \(4, 4, 3\)"),
        (np.zeros((0, 4), np.uint8), (2, 2), {}, ValueError, "cannot resize 0x4"),
        (np.zeros((4, 4), np.uint8), (0, 2), {}, ValueError, r"got \(0, 2\)"),
        (np.zeros((4, 4), np.uint8), (2, -2), {}, ValueError, r"got \(2, -2\)"),
        (np.zeros((4, 4), np.uint8), (2, 2), {"filter": "cubic"}, ValueError, "got 'cubic'"),
        (np.zeros((4, 4), np.uint8), (2, 2), {"threads": -1}, ValueError, "got -1"),
        (np.zeros((4, 4), np.uint8), (2, 2), {"out_dtype": np.int32}, TypeError, "got int32"),
    ],
)
def test_bad_arguments_are_named(image, shape, options, error, message):
    with pytest.raises(error, match=message):
        resize(image, shape, **options)


def test_nan_becomes_zero_in_integers():
    image = np.full((2, 2), np.nan, np.float32)
    assert (resize(image, (1, 1), out_dtype=np.uint8) == 0).all()
