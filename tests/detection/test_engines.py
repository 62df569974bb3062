"""Networks of three channels see grey films as networks of one."""

import numpy as np
import torch

from jsl_core.detection.engines import make_opencv_engine
from jsl_core.detection.model import to_one_channel
from jsl_core.detection.network import Network
from jsl_core.detection.torch_engine import make_torch_engine
from jsl_core.detection.training.architectures import yolov4_tiny


def test_three_equal_channels_and_one_give_the_same_maps() -> None:
    torch.manual_seed(0)
    network = Network(yolov4_tiny()).eval()
    for layer in network.layers:  # maps that differ from each other, as trained ones do
        for parameter in layer.parameters():
            torch.nn.init.normal_(parameter, std=0.05) if parameter.ndim > 1 else None
    images = np.random.default_rng(0).integers(0, 256, (1, 416, 416), np.uint8)
    model = network.to_model()
    grey = to_one_channel(model)
    assert grey.layout.channels == 1
    expected = make_torch_engine(network)(images)
    for engine in (make_torch_engine(Network.of(grey)), make_opencv_engine(model)):
        for one, other in zip(engine(images), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
