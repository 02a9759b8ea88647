"""The folding for a goal: what each layer is given, within limits, and what limits the design.

1. `_parts`, `_candidates`: what may be chosen for each engine, neuron group and the input, as
   far as the user has not chosen it; legal is what the generator itself accepts.
2. `_work`, `_tables`: how long each choice works on recorded values, and its estimated area.
3. `_combine`, `_predict`: the combinations of choices that no other one beats, complete up
   to a stated loss, in the order in which they promise most.
4. `_improve`: the first of them are estimated as whole designs, and the best is changed, one
   option at a time, as long as that makes it better.
5. `_explain`, `_explore`: what limits it, and why; and all designs that are best in something.
"""

from __future__ import annotations

from spikeloom.codegen._search._explain import Limiting
from spikeloom.codegen._search._explore import Choice, explore
from spikeloom.codegen._search._goal import Goal, Limits, Target
from spikeloom.codegen._search._problem import Estimator, Problem
from spikeloom.codegen._search._search import Found, search

__all__ = [
    "Choice",
    "Estimator",
    "Found",
    "Goal",
    "Limiting",
    "Limits",
    "Problem",
    "Target",
    "explore",
    "search",
]
