"""`make doctor`: what one asks somebody for whose project does not do what it should."""

import sys

from .engineroom import doctor
from .engineroom.contract import UserError
from .settings import Environment

if __name__ == "__main__":
    try:
        sys.exit(doctor.examine(Environment(), str(__package__)))
    except UserError as error:
        sys.exit(str(error))
