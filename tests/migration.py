"""The template's migrations as modules: they lie in no package, as Copier runs them by their path."""

import importlib.util

from conftest import ROOT

SPEC = importlib.util.spec_from_file_location("follow_moves", ROOT / "hooks/follow_moves.py")
assert SPEC and SPEC.loader
follow_moves = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(follow_moves)
