"""What is measured beyond the standard metrics; each can be what candidates compete on and the gate judges.

A metric of your own is a function of n records, and a line in METRICS: docs/changes.md has an example.
"""

from .engineroom.judging import Metric

METRICS: dict[str, Metric] = {}  # name, as `acceptance.metric` of contract.yaml may have it -> the metric
