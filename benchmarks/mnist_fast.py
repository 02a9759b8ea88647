"""MNIST on an ECP5-85F: at least 98.4 % and 500,000 inferences per second.

python benchmarks/mnist_fast.py [--data-dir FOLDER]
"""

from __future__ import annotations

from flow import Goal, run

if __name__ == "__main__":
    goals = [Goal(key="accuracy", limit=0.984), Goal(key="inferences_per_second", limit=500_000)]
    run("mnist", goals, __doc__)
