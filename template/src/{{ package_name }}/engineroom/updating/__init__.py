"""What has to do with the template that a project was made from: an update, what it would change, and a new name for
the package. Only the standard library, git and Copier, so that it works where nothing else does."""

from typing import TYPE_CHECKING

from ..lazy import lazily

__all__ = ["check_update", "rename_package", "take_update"]

if TYPE_CHECKING:
    from .check import check_update
    from .rename import rename_package
    from .update import take_update
else:
    __getattr__ = lazily(__name__, check=["check_update"], rename=["rename_package"], update=["take_update"])
