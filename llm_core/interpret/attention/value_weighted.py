"""Value-weighted attention: not how much a head looks at a token, but how much it takes from it.

Kobayashi et al. 2020, "Attention is Not Only a Weight": attention times the length of the vector that it multiplies.
"""

import numpy as np

from llm_core.interpret.attention.attention import Attention, Floats


def norms(attention: Attention) -> Floats:
    """||alpha f(x)|| of equation 4, (layers, heads, T, S): how long a vector each position takes from each other.

    f(x) is the value of a token, its bias included, times the head's part of the output matrix (equation 3). The
    bias of the output matrix belongs to no head and is left out.
    """
    taken = attention.values @ attention.outputs  # (layers, heads, S, width)
    found: Floats = attention.pattern * np.linalg.norm(taken, axis=-1)[:, :, None, :]
    return found
