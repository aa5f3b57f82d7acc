"""Where vectors lie: drawn in a plane or in space, their neighbours, analogies, and the way of a token through the layers.

Each answer comes with what chance, or a simpler rule, would have said: a drawing with how far its neighbourhoods can be
trusted, neighbours with how near tokens are on the whole, an analogy with the answer that needs no analogy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import N_, UserError
from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.components import Component
from llm_core.interpret.geometry.hidden_states import HiddenStates

Method = Literal["pca", "tsne"]
METHODS: dict[Method, str] = {"pca": N_("PCA"), "tsne": N_("t-SNE")}
"""Each way to draw vectors: name in links, and on screen."""
Array = NDArray[np.float64]

MOST_POINTS = 2000
"""Vectors that are drawn at once: t-SNE takes some seconds for so many."""
_NEIGHBOURS = 10
_FOR_CHANCE = 500
_PERPLEXITY = 30.0


@dataclass(frozen=True)
class Projection:
    """points (N, dimensions) · explained (dimensions,): of PCA, each axis's share of the variance; None of t-SNE."""

    method: Method
    points: Floats
    explained: Floats | None


@dataclass(frozen=True)
class Trust:
    """trust: the share of neighbours in a drawing that are neighbours in truth, by `sklearn.manifold.trustworthiness`
    (Venna & Kaski 2001), 1 is best · chance: the same of points drawn at random · neighbours: how many each point has."""

    trust: float
    chance: float
    neighbours: int


@dataclass(frozen=True)
class Neighbours:
    """Token ids, the nearest first, and their cosines · mean, deviation: of the cosines of all other tokens."""

    ids: tuple[int, ...]
    cosines: tuple[float, ...]
    mean: float
    deviation: float


@dataclass(frozen=True)
class Analogy:
    """`found`: what is to c as b is to a, the best first · `without`: what is nearest to c alone (Linzen 2016).

    An analogy is in the vectors only where the first finds what the second does not.
    """

    found: Neighbours
    without: Neighbours


@dataclass(frozen=True)
class Paths:
    """The way of N tokens through the layers: points (places, N, dimensions), by one PCA for all places.

    explained (dimensions,): each axis's share of the variance of what the PCA was made of · lengths (places, N): how long each vector is · turned
    (places, N): the cosine to where the token began.
    """

    places: tuple[Component, ...]
    tokens: tuple[str, ...]
    points: Floats
    explained: Floats
    lengths: Floats
    turned: Floats


def project(vectors: Floats, method: Method = "pca", dimensions: int = 2, seed: int = 0) -> Projection:
    """Draw vectors (N, width) in two or three dimensions; PCA keeps what varies most, t-SNE who is near to whom.

    Raises UserError for fewer than five vectors and more than 2,000, and for other numbers of dimensions.
    """
    count = len(vectors)
    if dimensions not in (2, 3):
        raise UserError("Vectors are drawn in 2 or 3 dimensions, not in {dimensions}.", dimensions=dimensions)
    if not 5 <= count <= MOST_POINTS:
        raise UserError("From 5 to {limit} vectors can be drawn; these are {count}.", limit=MOST_POINTS, count=count)
    explained = None
    if method == "pca":
        points, explained = _pca(vectors, dimensions)
    else:
        from sklearn.manifold import TSNE

        perplexity = min(_PERPLEXITY, (count - 1) / 3)
        start = _pca(vectors, dimensions)[0]
        spread = float(start[:, 0].std()) or 1.0
        model = TSNE(dimensions, perplexity=perplexity, init=start / spread * 1e-4, random_state=seed)
        points = model.fit_transform(vectors.astype(np.float32))
    return Projection(method, points.astype(np.float32), explained)


def trust_in(vectors: Floats, points: Floats, seed: int = 0) -> Trust:
    """How far a drawing, points (N, dimensions), shows who is near to whom among vectors (N, width), N at least 5."""
    from sklearn.manifold import trustworthiness

    count, dimensions = points.shape
    neighbours = min(_NEIGHBOURS, (count - 1) // 2)
    random = np.random.default_rng(seed)
    # What chance has hardly depends on how many there are, and to rank all of 2,000 takes a quarter of a second.
    some = random.permutation(count)[:_FOR_CHANCE]
    drawn = random.normal(size=(len(some), dimensions))
    return Trust(
        float(trustworthiness(vectors, points, n_neighbors=neighbours)),
        float(trustworthiness(vectors[some], drawn, n_neighbors=min(neighbours, (len(some) - 1) // 2))),
        neighbours,
    )


def neighbours(vectors: Floats, token: int, count: int = 10) -> Neighbours:
    """The tokens whose vectors (V, width) point most nearly where a token's does."""
    _check(vectors, (token,))
    return _nearest(vectors, vectors[token].astype(np.float64), (token,), count)


def neighbours_of(vectors: Floats, vector: Floats, count: int = 10) -> Neighbours:
    """The rows of vectors (N, width) that point most nearly where another vector (width,) does."""
    return _nearest(vectors, vector.astype(np.float64), (), count)


def analogy(vectors: Floats, first: int, second: int, third: int, count: int = 10) -> Analogy:
    """What is to `third` as `second` is to `first`: nearest to second - first + third (3CosAdd, Mikolov et al. 2013).

    Vectors (V, width) count by their direction alone; none of the three is an answer. Raises UserError for a token that is
    not there.
    """
    given = first, second, third
    _check(vectors, given)
    directions = _directions(vectors[list(given)])
    wanted = directions[1] - directions[0] + directions[2]
    return Analogy(_nearest(vectors, wanted, given, count), _nearest(vectors, directions[2], given, count))


Plane = Literal["joint", "last"]
"""In which plane, or space, a path is drawn: where the tokens vary most at all places, or at the last."""


def paths(states: HiddenStates, dimensions: int = 2, plane: Plane = "joint") -> Paths:
    """The way of each token through the layers, in the plane, or space, in which they vary most.

    Raises UserError for other numbers of dimensions.
    """
    places, count, width = states.states.shape
    if dimensions not in (2, 3):
        raise UserError("Vectors are drawn in 2 or 3 dimensions, not in {dimensions}.", dimensions=dimensions)
    flat = states.states.reshape(-1, width)
    points, explained = _pca(flat, dimensions, states.states[-1] if plane == "last" else None)
    wide = states.states.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=-1)
    whole = np.maximum(lengths * lengths[0], 1e-12)
    return Paths(
        states.places, states.tokens, points.reshape(places, count, dimensions).astype(np.float32), explained,
        lengths.astype(np.float32), ((wide * wide[0]).sum(-1) / whole).astype(np.float32),
    )  # fmt: skip


def _pca(vectors: Floats, dimensions: int, of: Floats | None = None) -> tuple[Floats, Floats]:
    """points (N, dimensions) and each axis's share of the variance; axes that are not there are 0. `of`: the vectors of
    which the axes are made, when these are others."""
    from sklearn.decomposition import PCA

    made_of = vectors if of is None else of
    kept = min(dimensions, *made_of.shape)
    # Where there are more vectors than numbers in each, the axes are those of the covariance, which is small.
    solver = "covariance_eigh" if made_of.shape[0] > made_of.shape[1] else "full"
    model = PCA(kept, svd_solver=solver).fit(made_of.astype(np.float64))
    points = np.zeros((len(vectors), dimensions), dtype=np.float32)
    explained = np.zeros(dimensions, dtype=np.float32)
    points[:, :kept] = model.transform(vectors.astype(np.float64))
    explained[:kept] = np.nan_to_num(model.explained_variance_ratio_)
    return points, explained


def _nearest(vectors: Floats, wanted: Array, left_out: Sequence[int], count: int) -> Neighbours:
    lengths = np.maximum(np.linalg.norm(vectors, axis=-1), 1e-12)
    cosines = (vectors @ _directions(wanted[None])[0].astype(vectors.dtype) / lengths).astype(np.float64)
    others = np.setdiff1d(np.arange(len(vectors)), left_out)
    order = others[np.argsort(-cosines[others], kind="stable")][:count]
    return Neighbours(
        tuple(int(token) for token in order), tuple(float(cosines[token]) for token in order),
        float(cosines[others].mean()) if len(others) else 0.0, float(cosines[others].std()) if len(others) else 0.0,
    )  # fmt: skip


def _directions(vectors: Floats | Array) -> Array:
    wide: Array = vectors.astype(np.float64)
    directions: Array = wide / np.maximum(np.linalg.norm(wide, axis=-1, keepdims=True), 1e-12)
    return directions


def _check(vectors: Floats, tokens: Sequence[int]) -> None:
    if wrong := [token for token in tokens if not 0 <= token < len(vectors)]:
        raise UserError("There is no token {token}: there are {count}, counted from 0.", token=wrong[0], count=len(vectors))  # fmt: skip
