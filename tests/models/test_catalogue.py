import pytest
import timm
import torch

from egaze.errors import EgazeError
from egaze.models.catalogue import _FAMILIES, encoder_names, encoder_names_at_once, parameter_count
from egaze.models.encoder import feature_maps


def test_every_family_gives_the_maps_that_the_decoder_joins():
    assert encoder_names("tf_efficientnet_lite?") == [f"tf_efficientnet_lite{size}" for size in range(5)]
    names = set(encoder_names())
    for family in ("efficientnet", "resnet", "mobilenetv3", "convnext", "regnet", "densenet"):
        assert family in _FAMILIES
        name = timm.list_models(module=family)[-1]
        assert name in names
        with torch.device("meta"):
            encoder = timm.create_model(name, features_only=True, in_chans=1).eval()
            maps = encoder(torch.zeros(1, 1, 96, 64))
        used = feature_maps(name, encoder)
        for stride in (4, 8, 16, 32):
            found = maps[used.index_of[stride]].shape
            assert found == (1, used.channels_of[stride], 96 // stride, 64 // stride)


def test_encoders_that_cannot_be_exported_are_not_listed():
    assert timm.is_model("efficientnet_cc_b0_4e")
    with pytest.raises(EgazeError, match="no encoder is named"):
        encoder_names("*efficientnet_cc_*")


def test_encoders_too_large_for_a_model_file_are_not_listed():
    """A model file holds 2 GiB; the decoder and the head need little of it."""
    listed, left_out = parameter_count("nfnet_f7"), parameter_count("regnety_1280")
    assert 4 * listed < 2**31 < 4 * left_out
    assert "nfnet_f7" in encoder_names() and "regnety_1280" not in encoder_names()


def test_parameters_are_the_encoders():
    encoder = timm.create_model("mobilenetv3_small_050", features_only=True, in_chans=1)
    assert parameter_count("mobilenetv3_small_050") == sum(p.numel() for p in encoder.parameters())


def test_names_from_the_source_of_timm_are_those_that_timm_lists():
    assert encoder_names_at_once() == encoder_names()
