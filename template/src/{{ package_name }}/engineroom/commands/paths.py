"""What a verb takes for a path, looked up before anything heavy is imported."""

from pathlib import Path
from typing import Any

import click


class Existing(click.ParamType[Any]):
    """A file or a folder that is there, as a path.

    Parameters:
        urls: take the URL of a database, too, as text: what has `://` in it or begins with `${`.
    """

    name = "file"

    def __init__(self, urls: bool = False) -> None:
        self.urls = urls

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if self.urls and ("://" in value or value.startswith("${")):
            return value
        if not Path(value).exists():
            self.fail(f"{value} is not there", param, ctx)
        return value if self.urls else Path(value)


class Named(click.ParamType[Path]):
    """A path to write to, whose name ends in one of `suffixes`."""

    name = "file"

    def __init__(self, *suffixes: str) -> None:
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if not str(value).endswith(self.suffixes):
            self.fail(f"{value}: the name must end in {' or '.join(self.suffixes)}", param, ctx)
        return Path(value)
