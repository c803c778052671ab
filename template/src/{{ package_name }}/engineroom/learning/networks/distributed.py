"""Fit the candidates by several processes at once: `torchrun --nproc-per-node 2 -m <this module> <module of a stage>`.

Each process takes its share of every batch. What they leave is the checkpoints of finished runs, which the stage then
takes up instead of training anew. The stage's module has `prepare()`, which gives a fold, and `fit_candidates(fold)`.
"""

import sys
from importlib import import_module

from torch import distributed as processes

from ...contract import UserError


def distributed(module: str) -> None:
    """Fit what the stage in `module` fits; raises what it raises."""
    stage = import_module(module)
    processes.init_process_group()  # of each kind of device its own backend
    try:
        stage.fit_candidates(stage.prepare())
        if processes.get_rank() == 0:
            print(f"distributed: trained by {processes.get_world_size()} processes")
    finally:
        processes.destroy_process_group()


if __name__ == "__main__":
    try:
        distributed(sys.argv[1])
    except UserError as error:
        sys.exit(f"distributed: {error}")
