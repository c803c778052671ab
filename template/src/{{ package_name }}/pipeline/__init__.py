"""The stages from raw records to a judged model; each is a module command, and DVC runs the same commands."""

import os
import sys
from collections.abc import Callable

from ..engineroom.contract import UserError

# Threads of scikit-learn that wait for each other must sleep, not spin: on a shared machine spinning made one fit
# of boosted trees take minutes instead of a second. OpenMP reads this once, before the first import of a stage.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

INTERRUPTED = 130  # what a shell gives for Ctrl-C


class PipelineError(UserError):
    """A stage must stop; the message names the column or file, what was found and what to do."""


def command(stage: Callable[[], None]) -> None:
    """Run a stage; what the user can mend is told in plain words, anything else keeps its traceback."""
    try:
        stage()
    except UserError as error:
        sys.exit(f"{stage.__name__}: {error}")
    except KeyboardInterrupt:
        print(f"{stage.__name__}: stopped; `make pipeline` goes on from here", file=sys.stderr)
        sys.exit(INTERRUPTED)
