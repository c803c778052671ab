"""What networks for images share. They read pixels (n, channels, size, size), uint8, and scale them themselves."""

from functools import cached_property

import torch
from torch import Tensor, nn

from ...encoding import PixelEncoder
from .network import Network


class ImageNetwork(Network):
    """What networks for images share: the scale of the pixels, and how the photo might have been taken."""

    components = 4

    def __init__(
        self, encoder: PixelEncoder, flip: float = 0.0, rotate: float = 0.0, crop: float = 0.0, colour: float = 0.0
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


def pretrained_image_model(name: str, encoder: PixelEncoder) -> nn.Module:
    """A pretrained backbone from a local folder or the Hugging Face hub, for images as the encoder gives them.

    Raises:
        ValueError: the model cannot be loaded, or looks at another number of channels.
    """
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
