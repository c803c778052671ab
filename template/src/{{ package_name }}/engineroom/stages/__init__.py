"""How a stage is run, and whether dvc.yaml names all that it reads."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = [
    "PipelineError",
    "command",
    "check_dependencies",
]

if TYPE_CHECKING:
    from .dependencies import check_dependencies
    from .running import PipelineError, command
else:
    __getattr__ = lazily(
        __name__,
        dependencies=["check_dependencies"],
        running=["PipelineError", "command"],
    )
