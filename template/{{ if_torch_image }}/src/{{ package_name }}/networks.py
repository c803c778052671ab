"""The networks for images that candidates in params.yaml can name.

Each reads pixels (n, channels, size, size), uint8, and brings them to one scale itself.
"""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn

from .engineroom.encoding import PixelEncoder as Encoder
from .network import Network, linear

COMPONENTS = 4  # of the embedding, for drift


class ImageNetwork(Network):
    """What networks for images share: the scale of the pixels, and how the photo might have been taken."""

    def __init__(
        self, encoder: Encoder, flip: float = 0.0, rotate: float = 0.0, crop: float = 0.0, colour: float = 0.0
    ) -> None:
        """While training: the share of images that are mirrored, the most degrees that one is turned by, the most of
        its area that is cut off, and the most by which brightness, contrast and saturation change (0.2 is a fifth)."""
        super().__init__()
        self.flip, self.rotate, self.crop, self.colour = flip, rotate, crop, colour
        self.size = encoder.params.size
        for name, values in (("mean", encoder.mean), ("spread", encoder.spread)):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)
        self.mean: Tensor
        self.spread: Tensor

    def scaled(self, x: Tensor) -> Tensor:
        """Pixels with mean 0 and variance 1 over the training part, float."""
        return (x.to(self.mean.dtype) / 255 - self.mean) / self.spread

    def augment(self, x: Tensor) -> Tensor:
        if not any((self.flip, self.rotate, self.crop, self.colour)):
            return x
        changed = self._augmentation(x.float() / 255)
        return (changed.clamp(0, 1) * 255).round().to(torch.uint8)

    @cached_property
    def _augmentation(self) -> nn.Module:
        """Built once, on the device that the images are on; being no part of the network it is not saved with it."""
        import kornia.augmentation as ka

        saturation = self.colour if self.mean.shape[1] == 3 else 0.0
        steps = {
            ka.RandomHorizontalFlip(p=self.flip): self.flip,
            ka.RandomAffine(self.rotate, padding_mode="border", p=1.0): self.rotate,
            ka.RandomResizedCrop((self.size,) * 2, scale=(1 - self.crop, 1.0), ratio=(0.9, 1.1), p=1.0): self.crop,
            ka.ColorJiggle(brightness=self.colour, contrast=self.colour, saturation=saturation, p=1.0): self.colour,
        }
        return nn.Sequential(*(step for step, strength in steps.items() if strength))

    def extra_repr(self) -> str:
        return f"flip={self.flip}, rotate={self.rotate}, crop={self.crop}, colour={self.colour}"


class Linear(ImageNetwork):
    """A linear model of the pixels: its embedding is the pixels themselves."""

    def __init__(self, encoder: Encoder, outputs: int, **augmentation: float) -> None:
        super().__init__(encoder, **augmentation)
        self.head = linear(encoder.channels * encoder.params.size**2, outputs)

    def hidden(self, x: Tensor) -> Tensor:
        return self.scaled(x).flatten(1)


class ResNet(ImageNetwork):
    """A small residual network: every stage halves the resolution and doubles the channels.

    References:
        He et al. (2016), Deep residual learning for image recognition.
    """

    def __init__(
        self,
        encoder: Encoder,
        outputs: int,
        width: int = 16,
        stages: int = 3,
        blocks: int = 1,
        dropout: float = 0.0,
        **augmentation: float,
    ) -> None:
        """`width` channels in the first of the stages, `blocks` in each of them."""
        super().__init__(encoder, **augmentation)
        widths = [width * 2**stage for stage in range(stages)]
        self.stem = nn.Sequential(_convolution(encoder.channels, width), nn.BatchNorm2d(width), nn.ReLU())
        layers: list[nn.Module] = []
        before = width
        for stage, after in enumerate(widths):
            layers += [Block(before, after, stride=2 if stage else 1)]
            layers += [Block(after, after) for _ in range(blocks - 1)]
            before = after
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = linear(before, outputs)

    def hidden(self, x: Tensor) -> Tensor:
        return self.dropout(self.body(self.stem(self.scaled(x))).mean(dim=(2, 3)))


class Block(nn.Module):
    """Two convolutions that learn what to add to their input; a 1 x 1 convolution fits it to their shape."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.change = nn.Sequential(
            _convolution(before, after, stride),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            _convolution(after, after),
            nn.BatchNorm2d(after),
        )
        same = before == after and stride == 1
        fit = nn.Sequential(_convolution(before, after, stride, kernel=1), nn.BatchNorm2d(after))
        self.keep = nn.Identity() if same else fit

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.keep(x) + self.change(x))


class Pretrained(ImageNetwork):
    """A pretrained backbone from a local folder or the Hugging Face hub, such as microsoft/resnet-18.

    It is shown images with mean 0 and variance 1, as those it learned from had; `features.size` should be theirs, too.
    """

    def __init__(
        self,
        encoder: Encoder,
        outputs: int,
        model: str,
        frozen: bool = False,
        dropout: float = 0.0,
        **augmentation: float,
    ) -> None:
        """`model` is a folder or a hub id; `frozen` trains the head alone.

        Raises:
            ValueError: the model cannot be loaded, or looks at another number of channels.
        """
        super().__init__(encoder, **augmentation)
        self.backbone = _load(model, encoder).requires_grad_(not frozen)
        self.dropout = nn.Dropout(dropout)
        self.backbone.eval()
        with torch.inference_mode():
            blank = torch.zeros(1, encoder.channels, self.size, self.size)
            width = self.backbone(blank).pooler_output.flatten(1).shape[1]
        self.head = linear(width, outputs)

    def hidden(self, x: Tensor) -> Tensor:
        return self.dropout(self.backbone(self.scaled(x)).pooler_output.flatten(1))


def _load(name: str, encoder: Encoder) -> nn.Module:
    from transformers import AutoModel

    try:
        backbone = AutoModel.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ValueError(f"model: {name!r} cannot be loaded: {str(error).splitlines()[0]}") from None
    channels = getattr(backbone.config, "num_channels", encoder.channels)
    if channels != encoder.channels:
        found = f"looks at {channels} channels, not {encoder.channels}"
        raise ValueError(f"model: {name!r} {found}: change features.colour")
    return backbone


def _convolution(before: int, after: int, stride: int = 1, kernel: int = 3) -> nn.Conv2d:
    """Without bias: the batch norm that follows has one."""
    layer = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer


NETWORKS: dict[str, Callable[..., Network]] = {"linear": Linear, "resnet": ResNet, "pretrained": Pretrained}
