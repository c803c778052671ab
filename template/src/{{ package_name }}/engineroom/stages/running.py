"""How a stage of the pipeline is run, and what it says when it must stop."""

import sys
from collections.abc import Callable

from ..contract import UserError

INTERRUPTED = 130  # what a shell gives for Ctrl-C


class PipelineError(UserError):
    """A stage must stop; the message names the column or file, what was found and what to do."""


def command(stage: Callable[[], None]) -> None:
    """Run a stage. What the user can mend is one sentence; anything else keeps its traceback."""
    try:
        stage()
    except UserError as error:
        sys.exit(f"{stage.__name__}: {error}")
    except KeyboardInterrupt:
        print(f"{stage.__name__}: stopped; `make pipeline` goes on from here", file=sys.stderr)
        sys.exit(INTERRUPTED)
