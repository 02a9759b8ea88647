"""Fashion-MNIST on an ECP5-85F: at least 89 % and 50,000 inferences per second.

python benchmarks/fashion.py [--data-dir FOLDER]
"""

from __future__ import annotations

from flow import Goal, run

if __name__ == "__main__":
    goals = [Goal(key="accuracy", limit=0.89), Goal(key="inferences_per_second", limit=50_000)]
    run("fashion_dense", goals, __doc__)
