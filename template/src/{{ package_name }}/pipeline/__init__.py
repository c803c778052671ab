"""The stages from raw records to a judged model; each is a module command, and DVC runs the same commands."""

import os

# Threads of scikit-learn that wait for each other must sleep, not spin: on a shared machine spinning made one fit
# of boosted trees take minutes instead of a second. OpenMP reads this once, before the first import of a stage.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
