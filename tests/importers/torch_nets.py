"""Networks of today's kinds, written in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn
functional = torch.nn.functional


class Excite(nn.Module):  # type: ignore[misc,name-defined]
    """Squeeze and excite."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(depth, depth // 2, 1), nn.Conv2d(depth // 2, depth, 1)

    def forward(self, x: Any) -> Any:
        pooled = functional.adaptive_avg_pool2d(x, 1)
        return x * functional.hardsigmoid(self.up(torch.relu(self.down(pooled))))


class Inverted(nn.Module):  # type: ignore[misc,name-defined]
    """An inverted residual with an activation of choice."""

    def __init__(self, depth: int, activation: Callable[[], Any]) -> None:
        super().__init__()
        wide = 2 * depth
        self.net = nn.Sequential(
            nn.Conv2d(depth, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            activation(),
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            activation(),
            Excite(wide),
            nn.Conv2d(wide, depth, 1, bias=False),
            nn.BatchNorm2d(depth),
        )

    def forward(self, x: Any) -> Any:
        return x + self.net(x)


def mobile() -> Any:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1),
        nn.BatchNorm2d(8),
        nn.Hardswish(),
        Inverted(8, nn.Hardswish),
        Inverted(8, nn.SiLU),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
    )


class Attention(nn.Module):  # type: ignore[misc,name-defined]
    """Self-attention behind an RMS norm written in primitives."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(16) + 0.5)
        self.heads, self.out = nn.Linear(16, 48), nn.Linear(16, 16)

    def forward(self, x: Any) -> Any:
        batch, steps, depth = x.shape
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.scale
        q, k, v = self.heads(x).reshape(batch, steps, 3, 4, 4).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-2, -1) * 0.5).softmax(-1)
        return self.out((scores @ v).transpose(1, 2).reshape(batch, steps, depth))


class Vision(nn.Module):  # type: ignore[misc,name-defined]
    """Patches, an encoder layer and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.place = nn.Parameter(torch.randn(1, 16, 16))
        self.attention, self.norm = Attention(), nn.LayerNorm(16)
        self.up, self.down, self.head = nn.Linear(16, 32), nn.Linear(32, 16), nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.place
        x = x + self.attention(x)
        x = x + self.down(functional.gelu(self.up(self.norm(x))))
        return self.head(x.mean(1))


class Shuffle(nn.Module):  # type: ignore[misc,name-defined]
    """Channels split, convolved in groups and shuffled."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.grouped = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1, groups=2)
        self.last = nn.Conv2d(8, 8, 3, padding=1, groups=8)

    def forward(self, x: Any) -> Any:
        left, right = self.first(x).chunk(2, 1)
        y = self.grouped(torch.cat([left, torch.relu(right)], 1))
        n, c, h, w = y.shape
        y = y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.last(y).mean((2, 3))


class UNet(nn.Module):  # type: ignore[misc,name-defined]
    """Down and up again, by transposed convolution, interpolation and pixel shuffle."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.down = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 8, 3, 2, 1)
        self.up = nn.ConvTranspose2d(8, 4, 3, 2, 1, output_padding=1)
        self.bilinear = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.nearest, self.out = nn.Upsample(scale_factor=2), nn.Conv2d(22, 2, 1)

    def forward(self, x: Any) -> Any:
        first = functional.leaky_relu(self.first(x), 0.1)
        low = torch.relu(self.down(first))
        parts = [first, self.up(low), self.bilinear(low), functional.pixel_shuffle(low, 2)]
        return self.out(torch.cat([*parts, self.nearest(low[:, :4])], 1))


class Norms(nn.Module):  # type: ignore[misc,name-defined]
    """Group and instance normalization, Mish, and padding by reflection."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.group = nn.Conv2d(3, 8, 3), nn.GroupNorm(4, 8)
        self.instance, self.mish = nn.InstanceNorm2d(8, affine=True), nn.Mish()
        self.last = nn.Conv2d(8, 4, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Any) -> Any:
        x = functional.silu(self.group(self.first(x)))
        return self.last(self.mish(self.instance(x)))


class Next(nn.Module):  # type: ignore[misc,name-defined]
    """A ConvNeXt block: NCHW, NHWC for norm and products, and back."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.deep = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 8, 7, padding=3, groups=8)
        self.norm, self.up, self.down = nn.LayerNorm(8), nn.Linear(8, 32), nn.Linear(32, 8)
        self.scale, self.head = nn.Parameter(torch.rand(8)), nn.Linear(8, 4)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        y = self.norm(self.deep(x).permute(0, 2, 3, 1))
        y = self.down(functional.gelu(self.up(y))) * self.scale
        return self.head((x + y.permute(0, 3, 1, 2)).mean((2, 3)))


class Recurrent(nn.Module):  # type: ignore[misc,name-defined]
    """Two bidirectional layers of one kind, and a classifier of the last step."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        layers = getattr(nn, kind)
        self.layers = layers(6, 5, batch_first=True, bidirectional=True, num_layers=2)
        self.head = nn.Linear(10, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.layers(x)[0][:, -1])


class Causal(nn.Module):  # type: ignore[misc,name-defined]
    """Dilated one-dimensional convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv1d(6, 8, 3, dilation=2, padding=4), nn.BatchNorm1d(8)
        self.deep, self.pool = nn.Conv1d(8, 8, 5, groups=8, padding=2), nn.MaxPool1d(2)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        y = torch.relu(self.norm(self.first(x)[:, :, :-4]))
        return self.head(self.pool(self.deep(y) + y).mean(2))


class Words(nn.Module):  # type: ignore[misc,name-defined]
    """An embedding of int64 indices, a convolution over it, the greatest of each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.conv, self.head = nn.Embedding(20, 8), nn.Conv1d(8, 6, 3), nn.Linear(6, 2)

    def forward(self, x: Any) -> Any:
        y = torch.relu(self.conv(self.table(x).transpose(1, 2)))
        return torch.log_softmax(self.head(torch.amax(y, 2)), -1)


class Fire(nn.Module):  # type: ignore[misc,name-defined]
    """SqueezeNet's module behind a pool that rounds sizes up."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.pool = nn.Conv2d(3, 8, 3, 2), nn.MaxPool2d(3, 2, ceil_mode=True)
        self.squeeze, self.one, self.three = (
            nn.Conv2d(8, 4, 1),
            nn.Conv2d(4, 6, 1),
            nn.Conv2d(4, 6, 3, padding=1),
        )
        self.last = nn.Conv2d(12, 5, 1)

    def forward(self, x: Any) -> Any:
        y = torch.relu(self.squeeze(self.pool(torch.relu(self.first(x)))))
        y = torch.relu(torch.cat([self.one(y), self.three(y)], 1))
        return functional.adaptive_avg_pool2d(torch.relu(self.last(y)), 1).flatten(1)


class Detector(nn.Module):  # type: ignore[misc,name-defined]
    """Two scales, joined by upsampling, and boxes decoded over a grid with anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 12, 3, 2, 1)
        self.coarse, self.fine = nn.Conv2d(12, 14, 1), nn.Conv2d(20, 14, 1)
        self.register_buffer("anchors", torch.rand(1, 2, 1, 1, 2) * 10)

    def decode(self, y: Any, stride: int) -> Any:
        batch, _, h, w = y.shape
        y = y.view(batch, 2, 7, h, w).permute(0, 1, 3, 4, 2).sigmoid()
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        grid = torch.stack((columns, rows), 2).view(1, 1, h, w, 2).float()
        centre = (y[..., :2] * 2 - 0.5 + grid) * stride
        size = (y[..., 2:4] * 2) ** 2 * self.anchors
        return torch.cat((centre, size, y[..., 4:]), -1).view(batch, -1, 7)

    def forward(self, x: Any) -> Any:
        wide = functional.leaky_relu(self.first(x), 0.1)
        deep = functional.silu(self.second(wide))
        up = torch.cat([functional.interpolate(deep, scale_factor=2.0), wide], 1)
        return torch.cat((self.decode(self.coarse(deep), 4), self.decode(self.fine(up), 2)), 1)


class Language(nn.Module):  # type: ignore[misc,name-defined]
    """Positions, and attention that sees no later word: its mask is of minus infinity."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.place = nn.Embedding(20, 16), nn.Embedding(9, 16)
        self.heads, self.norm, self.head = nn.Linear(16, 48), nn.LayerNorm(16), nn.Linear(16, 20)

    def forward(self, x: Any) -> Any:
        batch, steps = x.shape
        y = self.table(x) + self.place(torch.arange(steps))
        q, k, v = (
            z.view(batch, steps, 2, 8).transpose(1, 2)
            for z in self.heads(self.norm(y)).chunk(3, -1)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.head(y + mixed.transpose(1, 2).reshape(batch, steps, 16))


class Cells(nn.Module):  # type: ignore[misc,name-defined]
    """Recurrent cells, called step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.gru, self.head = nn.LSTMCell(4, 6), nn.GRUCell(6, 5), nn.Linear(5, 2)

    def forward(self, x: Any) -> Any:
        h, c = torch.zeros(len(x), 6), torch.zeros(len(x), 6)
        g = torch.zeros(len(x), 5)
        for step in range(3):
            h, c = self.lstm(x[:, step], (h, c))
            g = self.gru(h, g)
        return self.head(g)


class Spectrum(nn.Module):  # type: ignore[misc,name-defined]
    """A filter bank over samples, its power in bands, and their logarithm."""

    def __init__(self) -> None:
        super().__init__()
        self.bank, self.bands = nn.Parameter(torch.randn(16, 1, 32) / 6), torch.rand(8, 10)
        self.head = nn.Linear(10, 3)

    def forward(self, x: Any) -> Any:
        y = functional.conv1d(x.unsqueeze(1), self.bank, stride=16)
        power = y[:, :8] ** 2 + y[:, 8:] ** 2
        bands = torch.einsum("bft,fm->btm", power, self.bands)
        return self.head(torch.log(bands + 1e-3).mean(1))


# The input's shape, the transposes that the interface needs, and those within that move heads or
# channels among one another.
NETS: dict[str, tuple[Callable[[], Any], tuple[int, ...], int]] = {
    "mobile": (mobile, (1, 3, 32, 32), 1),
    "vision": (Vision, (1, 3, 16, 16), 1 + 4),
    "shuffle": (Shuffle, (1, 3, 8, 8), 1 + 1),
    "unet": (UNet, (1, 1, 8, 8), 1 + 1),
    "norms": (Norms, (1, 3, 10, 10), 2),
    "next": (Next, (1, 3, 16, 16), 1),
    "lstm": (lambda: Recurrent("LSTM"), (1, 7, 6), 0),
    "gru": (lambda: Recurrent("GRU"), (1, 7, 6), 0),
    "rnn": (lambda: Recurrent("RNN"), (1, 7, 6), 0),
    "causal": (Causal, (1, 6, 20), 1),
    "words": (Words, (1, 9), 0),
    "fire": (Fire, (1, 3, 18, 18), 1),
    "detector": (Detector, (1, 3, 16, 16), 1 + 2),
    "language": (Language, (1, 9), 4),
    "cells": (Cells, (1, 3, 4), 0),
    "spectrum": (Spectrum, (1, 80), 0),
}
INDICES = ("words", "language")
"""Those whose input is of indices."""


def made(name: str) -> tuple[Any, Any]:
    """The network by this name, with statistics as of training, and an input for it."""
    make, shape, _ = NETS[name]
    torch.manual_seed(0)
    net = make().eval()
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return net, torch.randint(0, 20, shape) if name in INDICES else torch.randn(*shape)
