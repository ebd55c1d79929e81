import pytest
import torch

from egaze.errors import EgazeError
from egaze.explain import class_probabilities, faithfulness, random_order
from egaze.explain.faithfulness import blur, removal_order
from egaze.models import DualHeadUNet

SIDE = 16


def corner_counts(radiographs):
    """A model whose answer is known: class 1 is the mean of the upper left quarter, class 0 the rest."""
    share = radiographs[:, 0, : SIDE // 2, : SIDE // 2].mean(dim=(1, 2))
    return torch.stack([1 - share, share], dim=1)


def white(radiographs=1):
    return torch.ones(radiographs, 1, SIDE, SIDE)


def quarter():
    values = torch.zeros(1, SIDE, SIDE)
    values[0, : SIDE // 2, : SIDE // 2] = 1
    return values


def run(image, maps, chosen=1, **options):
    options = {"steps": 8, "deleted_to": 0.0, **options}
    return faithfulness(corner_counts, image, maps, torch.full((len(image),), chosen), **options)


def test_the_curves_of_the_true_evidence():
    found = run(white(), quarter())
    torch.testing.assert_close(found.share, torch.arange(9) / 8)
    # A quarter of the pixels are the evidence: gone after two of eight steps, an eighth of the radiograph each.
    torch.testing.assert_close(found.deletion[0], torch.tensor([1, 0.5] + [0.0] * 7), atol=1e-6, rtol=0)
    assert found.deletion_area.tolist() == pytest.approx([0.125])


def test_the_curves_of_the_opposite_of_the_evidence():
    found = run(white(), -quarter())
    torch.testing.assert_close(found.deletion[0], torch.tensor([1.0] * 7 + [0.5, 0.0]), atol=1e-6, rtol=0)
    assert found.deletion_area.tolist() == pytest.approx([0.875])


def test_insertion_restores_the_image():
    image = torch.zeros(1, 1, SIDE, SIDE)
    image[0, 0, 2:5, 2:5] = 1
    found = run(image, image[:, 0] + 0.5 * quarter())
    full, blurred = corner_counts(image)[0, 1], corner_counts(blur(image))[0, 1]
    assert found.insertion[0, 0] == pytest.approx(blurred) and found.insertion[0, -1] == pytest.approx(full)
    torch.testing.assert_close(found.insertion[0, 2:], full.expand(7))
    assert run(image, -image[:, 0] - 0.5 * quarter()).insertion[0, 6] == pytest.approx(blurred)


def test_a_random_order_lies_between_and_is_uniform():
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(3, 1, SIDE, SIDE, generator=generator)
    best, none, worst = (run(image, maps.expand(3, -1, -1)) for maps in (quarter(), random_order(image), -quarter()))
    assert (best.deletion_area < none.deletion_area).all() and (none.deletion_area < worst.deletion_area).all()
    even = run(white(), random_order(white()), steps=4)
    torch.testing.assert_close(even.deletion[0], torch.tensor([1, 0.75, 0.5, 0.25, 0]), atol=0.15, rtol=0)


def test_only_the_order_of_values_counts():
    generator = torch.Generator().manual_seed(3)
    image, maps = torch.rand(2, 1, SIDE, SIDE, generator=generator), torch.rand(2, SIDE, SIDE, generator=generator)
    found, again = run(image, maps), run(image, (5 * maps).exp(), batch_size=2)
    torch.testing.assert_close(found.deletion, again.deletion)
    torch.testing.assert_close(found.insertion, again.insertion)
    assert not torch.equal(run(image, maps, chosen=0).deletion, found.deletion)


def test_the_order():
    maps = torch.tensor([[[0.0, 2.0], [1.0, 3.0]]])
    assert removal_order(maps).tolist() == [[[3, 1], [2, 0]]]
    flat = torch.zeros(2, 30, 30)
    places = removal_order(flat, seed=1)
    assert torch.equal(places[0], places[1]) and torch.equal(places[0].flatten().sort().values, torch.arange(900))
    # Ties fall neither from the top nor from the left.
    assert abs(places[0, :15].float().mean() - 449.5) < 40 and abs(places[0, :, :15].float().mean() - 449.5) < 40
    assert not torch.equal(places, removal_order(flat, seed=2))


def test_the_blur_keeps_flat_radiographs_and_takes_detail():
    torch.testing.assert_close(blur(white()), white())
    fine = (torch.arange(64) % 2).float().expand(1, 1, 64, 64)
    assert (blur(fine) - 0.5).abs().max() < 0.01


def test_faithfulness_of_a_real_model():
    torch.manual_seed(0)
    unet = DualHeadUNet("mobilenetv3_small_050", classes=3, decoder_channels=(8, 8, 4)).eval()
    radiographs = torch.rand(4, 1, 64, 96)
    class_index = torch.tensor([0, 1, 2, 0])
    found = faithfulness(class_probabilities(unet), radiographs, radiographs[:, 0], class_index, steps=3)
    with torch.no_grad():
        expected = unet(radiographs).class_logits.softmax(dim=1)[range(4), class_index]
    torch.testing.assert_close(found.deletion[:, 0], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.insertion[:, -1], expected, rtol=1e-4, atol=1e-5)
    one_by_one = class_probabilities(unet, "sigmoid")(radiographs)
    torch.testing.assert_close(one_by_one, unet(radiographs).class_logits.sigmoid().detach(), rtol=1e-4, atol=1e-5)
    assert found.deletion.shape == (4, 4) and ((found.insertion_area >= 0) & (found.insertion_area <= 1)).all()


@pytest.mark.parametrize(
    ("maps", "options", "message"),
    [
        (torch.zeros(1, SIDE, 4), {}, "maps must be"),
        (torch.zeros(1, SIDE, SIDE), {"steps": 0}, "steps must be 1 to 256, got 0"),
        (torch.zeros(1, SIDE, SIDE), {"steps": 257}, "got 257"),
        (torch.full((1, SIDE, SIDE), float("nan")), {}, "must be finite"),
    ],
    ids=["shape", "none", "many", "nan"],
)
def test_bad_arguments(maps, options, message):
    with pytest.raises(EgazeError, match=message):
        run(white(), maps, **options)
