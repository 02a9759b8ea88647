"""MNIST on an ECP5-85F: at least 97.5 % with a latency below one microsecond.

python benchmarks/mnist_latency.py [--data-dir FOLDER]
"""

from __future__ import annotations

from flow import Goal, run

if __name__ == "__main__":
    goals = [
        Goal(key="accuracy", limit=0.975),
        Goal(key="latency_us", limit=1.0, at_most=True),
    ]
    run("mnist_latency", goals, __doc__)
