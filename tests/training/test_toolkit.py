"""The toolkit of both trainers: average, schedule, groups of parameters, checkpoint, device."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from jsl_core.config import RegimeSettings
from jsl_core.errors import DetectorError
from jsl_core.training.average import update_average
from jsl_core.training.checkpoint import Checkpoint
from jsl_core.training.optimizer import build_optimizer, decay_groups, set_learning_rate
from jsl_core.training.schedule import warm_up_and_cosine


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def test_the_average_of_weights_and_statistics_is_pytorch_s() -> None:
    torch.manual_seed(0)
    trained = network()
    ours = network()
    ours.load_state_dict(trained.state_dict())
    theirs = AveragedModel(trained, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    theirs.update_parameters(trained)  # the first update copies
    for _ in range(3):
        trained(torch.randn(2, 1, 8, 8))
        with torch.no_grad():
            for parameter in trained.parameters():
                parameter.add_(torch.randn_like(parameter))
        update_average(ours, trained, 0.9)
        theirs.update_parameters(trained)
    for name, tensor in theirs.module.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(ours.state_dict()[name], tensor)
    assert ours.state_dict()["1.num_batches_tracked"] == 3, "counts are copied, not averaged"


def test_kernels_decay_and_biases_and_norms_do_not() -> None:
    kernels, others = decay_groups(network().parameters(), 0.1)
    assert [parameter.ndim for parameter in kernels["params"]] == [4]
    assert [parameter.ndim for parameter in others["params"]] == [1, 1, 1]
    assert (kernels["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert len(decay_groups([nn.Parameter(torch.zeros(2))], 0.1)) == 1


def test_the_backbone_s_rate_is_a_share_of_the_heads() -> None:
    optimizer = build_optimizer(
        network().parameters(), network().parameters(), RegimeSettings(backbone_lr=0.25)
    )
    set_learning_rate(optimizer, 0.8)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.2, 0.2, 0.8, 0.8])


def test_a_detector_s_rate_warms_up_and_falls_to_a_hundredth() -> None:
    rates = [warm_up_and_cosine(step, 1000) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[99] == rates[100] == pytest.approx(1.0)
    assert rates[550] == pytest.approx(0.505)
    assert rates[1000] == pytest.approx(0.01)
    assert np.all(np.diff(rates[100:]) < 0)


def test_a_checkpoint_holds_the_last_state_of_its_own_run(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "runs" / "epoch.pt", "one")
    assert checkpoint.load() is None
    for epoch in (1, 2):
        checkpoint.save({"epoch": epoch})
    assert checkpoint.load() == {"key": "one", "epoch": 2}
    assert Checkpoint(tmp_path / "runs" / "epoch.pt", "other").load() is None
    with pytest.raises(DetectorError, match="runs holds a training with other settings"):
        Checkpoint(tmp_path / "runs" / "epoch.pt", "other", DetectorError).load()
    Checkpoint(None, "one").save({"epoch": 1})
    assert Checkpoint(None, "one").load() is None


def test_a_damaged_checkpoint_is_ignored_or_one_line(tmp_path: Path) -> None:
    file = tmp_path / "epoch.pt"
    Checkpoint(file, "one").save({"epoch": 1})
    whole = file.read_bytes()
    torch.save(torch.zeros(3), file)
    for damaged in (b"", whole[: len(whole) // 2], file.read_bytes()):
        file.write_bytes(damaged)
        assert Checkpoint(file, "one").load() is None
        with pytest.raises(DetectorError, match=r"epoch\.pt is damaged; delete it to train from the start$"):
            Checkpoint(file, "one", DetectorError).load()


def test_a_checkpoint_in_which_any_byte_changed_is_none(tmp_path: Path) -> None:
    file, rng = tmp_path / "epoch.pt", np.random.default_rng(2)
    Checkpoint(file, "one").save({"epoch": 1, "weights": torch.arange(50.0)})
    whole = file.read_bytes()
    for _ in range(100):
        data = bytearray(whole)
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        file.write_bytes(data)
        assert Checkpoint(file, "one").load() is None
    file.write_bytes(whole)
    assert (Checkpoint(file, "one").load() or {})["epoch"] == 1
