"""Fit the candidates by several processes at once: `torchrun --nproc-per-node 2 -m <package>.pipeline.distributed`.

Each process takes its share of every batch. What they leave is the checkpoints of finished runs, which the stage
`train` then takes up instead of training anew.
"""

from torch import distributed as processes

from . import command
from .train import fit_candidates, prepare


def distributed() -> None:
    processes.init_process_group()  # of each kind of device its own backend
    try:
        fit_candidates(prepare())
        if processes.get_rank() == 0:
            print(f"distributed: trained by {processes.get_world_size()} processes")
    finally:
        processes.destroy_process_group()


if __name__ == "__main__":
    command(distributed)
