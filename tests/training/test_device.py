import copy
from dataclasses import replace

import pytest
import torch
from training.tiny_runs import Stop, stop

from egaze.errors import EgazeError
from egaze.training import open_run, train
from egaze.training.device import speed_up
from egaze.training.run import build_model


def test_a_sped_up_model_learns_the_same(tiny_recipe):
    """Outputs and gradients of a model with both kinds of activations that save their input."""
    torch.manual_seed(0)
    images = torch.rand(2, 1, 64, 64, dtype=torch.float64)
    for encoder in ("tf_efficientnet_b0", "mobilenetv3_small_050"):
        plain = build_model(replace(tiny_recipe.model, encoder=encoder, dropout=0.0), 3).double()
        quick = speed_up(copy.deepcopy(plain), torch.device("cpu"))
        assert quick.decoder.blocks[0].convolve[0].weight.is_contiguous(memory_format=torch.channels_last)
        for model in (plain, quick):
            sum(output.square().sum() for output in model(images)).backward()
        for one, other in zip(plain.parameters(), quick.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-6, atol=1e-9)


def test_a_sped_up_model_computes_large_depthwise_convolutions_in_full_precision(tiny_recipe):
    model = speed_up(build_model(tiny_recipe.model, 3), torch.device("cpu"))
    seen = {}
    for name, module in model.encoder.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, inputs, output, name=name: seen.update({name: output}))
    with torch.autocast("cpu", torch.bfloat16):
        model(torch.rand(2, 1, 64, 64))
    # Converted back from float32, so its gradient takes the way of float32's.
    made_by = {name: output.grad_fn.name() for name, output in seen.items()}
    assert made_by["blocks.3.0.conv_dw"].startswith("ToCopy") and seen["blocks.3.0.conv_dw"].dtype == torch.bfloat16
    assert made_by["blocks.3.0.conv_pw"].startswith("Convolution")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_asking_for_cuda_without_it(study, tiny_recipe, tmp_path):
    with pytest.raises(EgazeError, match="no CUDA device"):
        train(study, tiny_recipe, tmp_path / "run", device="cuda")


def test_the_precision_used_is_recorded_and_logged(study, tiny_recipe, tmp_path, caplog):
    """The CPU has no fp16."""
    how = {"device": "cpu", "precision": "fp16"}
    with pytest.raises(Stop):
        train(study, tiny_recipe, tmp_path / "run", **how, on_epoch=stop)
    said = [record.message for record in caplog.records if "fp16" in record.message]
    assert said == ["precision fp16 is not available on the CPU: bf16 is used and recorded instead"]
    assert open_run(tmp_path / "run").facts["precision"] == "bf16"
    assert len(train(study, tiny_recipe, tmp_path / "run", **how, resume=True).log()) == 2
