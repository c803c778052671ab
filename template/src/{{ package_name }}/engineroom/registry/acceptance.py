"""The end of `make pipeline`, outside of DVC: a candidate that passed the gate becomes the bundle.

The bundle is a copy, with the verdict beside its files. A candidate that failed stays where it is, and so does the last
good bundle.
"""

import sys

from ..artifacts import BUNDLE, CANDIDATE, GATE, read_json
from ..bundle import Bundle, BundleError
from ..judging import reasons
from ..stages import PipelineError, command
from .delivery import deliver, delivered, exclusive


def accept() -> None:
    """Ends with status 1 and the reasons when the candidate failed.

    Raises:
        PipelineError: when the verdict is about another model than the candidate.
    """
    with exclusive():
        verdict, version = read_json(GATE), Bundle.load(CANDIDATE).manifest.model_version
        if verdict["model_version"] != version:
            raise PipelineError(
                f"{GATE} is about model {verdict['model_version']}, {CANDIDATE} is {version}: run `make pipeline`"
            )
        if not verdict["passed"]:
            sys.exit(
                f"Model {version} in {CANDIDATE} did not pass the gate: {'; '.join(reasons(verdict['checks']))}\n"
                f"{BUNDLE} {_stays()}"
            )
        if not delivered(BUNDLE, version):
            deliver(CANDIDATE, verdict, BUNDLE)
    print(f"accept: {BUNDLE} is model {version}, which passed the gate")
    for doubt in verdict["doubts"]:
        print(f"accept: in doubt: {doubt}")


def _stays() -> str:
    try:
        return f"stays as it is: model {Bundle.load(BUNDLE).manifest.model_version}"
    except BundleError:
        return "does not hold a model that can be used"


if __name__ == "__main__":
    command(accept)
