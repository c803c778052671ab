"""The models that compete: networks for images, one class each.

To add one, write a class, name it in `CANDIDATES`, and then in `candidates` of `params.yaml`. `make pipeline`
tunes it with the others, and the best on validation wins. It receives the fitted encoder, which describes the inputs,
the number of outputs, and the hyperparameters of its candidate, without those of training (epochs, learning_rate, ...).
It says how to get the embedding of n records (`hidden`) and sets `head`, a linear layer from there to the outputs.
Loss, scores and the export to ONNX follow.

Each reads pixels (n, channels, size, size), uint8, and brings them to one scale (`scaled`).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .engineroom.encoding import PixelEncoder
from .engineroom.learning.networks import ImageNetwork, Network, linear, pretrained_image_model

FRAMEWORK = "torch"


class Linear(ImageNetwork):
    """A linear model of the pixels: its embedding is the pixels themselves."""

    def __init__(self, encoder: PixelEncoder, outputs: int, **augmentation: float) -> None:
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
        encoder: PixelEncoder,
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
        encoder: PixelEncoder,
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
        self.backbone = pretrained_image_model(model, encoder).requires_grad_(not frozen)
        self.dropout = nn.Dropout(dropout)
        self.backbone.eval()
        with torch.inference_mode():
            blank = torch.zeros(1, encoder.channels, self.size, self.size)
            width = self.backbone(blank).pooler_output.flatten(1).shape[1]
        self.head = linear(width, outputs)

    def hidden(self, x: Tensor) -> Tensor:
        return self.dropout(self.backbone(self.scaled(x)).pooler_output.flatten(1))


def _convolution(before: int, after: int, stride: int = 1, kernel: int = 3) -> nn.Conv2d:
    """Without bias: the batch norm that follows has one."""
    layer = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer


# Name in params.yaml -> class. `linear` is also the baseline that the others have to beat: leave it in.
CANDIDATES: dict[str, Callable[..., Network]] = {"linear": Linear, "resnet": ResNet, "pretrained": Pretrained}
