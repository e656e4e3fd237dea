"""Which belief to use for a person: by held-out evidence, never by taste.

Candidates say how likely they held what people they were not fitted on then chose. Each is first
made as confident as it is right (calibration on the same people: Platt 1999); stacking then finds
the mixture with the best mean log score (Yao, Vehtari, Simpson & Gelman 2018, eq. 4), all people
counting alike. Where the mixture is not better than the population model by more than chance (the
paired 95 % interval over people reaches zero), personal terms do not pay and the population model
is used alone. Assumes that the person who comes is drawn like those the evidence is from.

`Auto` does it for one person: candidates are fitted to four fifths of the answers and foretell the
rest, five times; stacking over what they said, pulled to the shares they start from (Dirichlet),
gives their weights. Between refits the weights stand and every candidate takes its own step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import laplace
from engine.data import Array, Comparison, Features, Outcome, Question, same_space
from engine.meeting import Meeting
from engine.preference import PREFERENCE
from engine.preference.base import Prior

Float = NDArray[np.float64]
LEAST = 1e-6
SHARP = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 4.0)


@dataclass(frozen=True)
class Choice:
    """weights by name, summing to 1; sharp by name: see temper. gain over the population model in
    nats a comparison: mean, low, high.
    """

    weights: Mapping[str, float]
    sharp: Mapping[str, float]
    gain: tuple[float, float, float]
    why: str

    def mix(self, probs: Mapping[str, Float]) -> Float:
        """(m,) the blend of what its candidates say of each comparison."""
        parts = [w * temper(probs[n], self.sharp[n]) for n, w in self.weights.items()]
        return np.asarray(np.sum(parts, 0))


def temper(probs: Float, sharp: float) -> Float:
    """The same order, other confidence: `sharp` multiplies the log odds (Platt 1999, no offset)."""
    p = probs.clip(LEAST, 1.0 - LEAST)
    told = laplace.sigmoid(sharp * (np.log(p) - np.log1p(-p)))
    return np.asarray(told.clip(LEAST, 1.0 - LEAST))


def stack(probs: Float, share: Float, rounds: int = 200, pull: Float | float = 0.0) -> Float:
    """Weights (c,) of a mixture of c candidates; probs (m, c) of what happened; share (m,) of each
    comparison in the mean; pull (c,): answers that count for a candidate before any was given.
    EM: concave, so that the start does not matter.
    """
    c = probs.shape[1]
    weights, pull = np.full(c, 1.0 / c), np.broadcast_to(pull, (c,))
    probs = probs.clip(LEAST)
    for _ in range(rounds):
        parts = probs * weights
        new = share @ (parts / parts.sum(1, keepdims=True)) + pull
        new = new / new.sum()
        if np.abs(new - weights).max() < 1e-6:
            break
        weights = new
    return np.asarray(new)


def choose(probs: Mapping[str, Float], who: NDArray[np.int64], population: str) -> Choice:
    """probs: for each candidate, (m,) probability given to what then happened; who (m,) people."""
    names = list(probs)
    _, person, counts = np.unique(who, return_inverse=True, return_counts=True)
    share = 1.0 / counts[person]
    sharp = {n: max(SHARP, key=lambda t: float(share @ np.log(temper(probs[n], t)))) for n in names}
    table = np.stack([temper(probs[n], sharp[n]) for n in names], 1)
    found = stack(table, share)
    found = np.where(found < 0.02, 0.0, found)
    found /= found.sum()
    logs = np.log(table @ found) - np.log(table[:, names.index(population)])
    gain = interval(np.bincount(person, logs) / counts)
    if gain[1] <= 0:
        why = "personal terms do not pay on people held out: the population model alone"
        return Choice({population: 1.0}, sharp, gain, why)
    weights = {n: float(w) for n, w in zip(names, found, strict=True) if w > 0}
    lead = max(weights, key=weights.__getitem__)
    why = f"mostly {lead}: {gain[0]:.3f} nats a comparison better than the population alone"
    return Choice(weights, sharp, gain, why)


def interval(values: Float | Sequence[float]) -> tuple[float, float, float]:
    """Mean over people and its 95 % interval (normal); low and high are infinite for one person.

    Student's was tried: right for two or three people, and so careful with nine that constructed
    personas lost eleven points (docs/log.md).
    """
    values = np.asarray(values, np.float64)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, -np.inf, np.inf
    half = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values))
    return mean, mean - half, mean + half


@dataclass(frozen=True)
class Settings:
    pull: Mapping[str, float] = field(
        default_factory=lambda: {"bradley_terry": 4.0, "ideal_point": 5.0, "pal": 1.0},
        metadata={"help": "candidates, and the answers each counts for before any was given"},
    )
    folds: int = field(default=5, metadata={"help": "parts the answers are held out in", "low": 2})
    least: int = field(default=10, metadata={"help": "answers before weights may move", "low": 1})
    most: int = field(default=400, metadata={"help": "answers that are held out, the newest"})


@dataclass(frozen=True)
class Auto:
    """parts by name; weights (c,) in their order; held (c + 2,): how many answers were held out,
    the mean log score of each part on them, and that of the blend before it was pulled.
    """

    space: str
    parts: Mapping[str, Any]
    weights: Float
    held: Float

    @classmethod
    def blank(cls, prior: Prior, settings: Settings | None = None) -> "Auto":
        pull = (settings or Settings()).pull
        start = np.array(list(pull.values()))
        parts = {n: PREFERENCE[n].load().blank(prior) for n in pull}
        return cls(prior.space, parts, start / start.sum(), np.zeros(len(pull) + 2))

    @classmethod
    def fit(
        cls,
        comparisons: Sequence[Comparison],
        features: Features,
        prior: Prior,
        settings: Settings | None = None,
    ) -> "Auto":
        same_space(prior.space, features.space)
        s = settings or Settings()
        told = sorted(comparisons, key=lambda c: c.seq)
        parts = {n: _rounded(PREFERENCE[n].load().fit(told, features, prior)) for n in s.pull}
        pull = np.array(list(s.pull.values()))
        probs = _held_out(parts, told, features, prior, s)
        if len(probs) < s.least:
            return cls(prior.space, parts, pull / pull.sum(), np.zeros(len(pull) + 2))
        weights = stack(probs, np.ones(len(probs)), pull=pull)
        logs = np.log(probs.clip(LEAST)).mean(0)
        held = [len(probs), *logs, float(np.log(probs.clip(LEAST) @ weights).mean())]
        return cls(prior.space, parts, weights, np.array(held))

    def meet(self, question: Question, outcome: Outcome, features: Features) -> Meeting:
        """An answer that is not a skip, to be foretold and then learnt: `foretold`, `learnt`."""
        same_space(self.space, features.space)
        items = features.of(question.items)
        return Meeting([p.view(items) for p in self.parts.values()], question.items, outcome)

    def foretold(self, met: Meeting) -> float:
        return float(self.weights @ met.told)

    def learnt(self, met: Meeting, strength: float) -> "Auto":
        steps = zip(self.parts.items(), met.steps(strength), strict=True)
        parts = {name: part.moved(made) for (name, part), made in steps}
        return Auto(self.space, parts, self.weights, self.held)

    def update(self, comparison: Comparison, features: Features) -> "Auto":
        if comparison.outcome.word == "skip":
            return self
        met = self.meet(comparison.question, comparison.outcome, features)
        return self.learnt(met, comparison.strength)

    @property
    def linear(self) -> Any:
        """The part that is a direction: what models are bent by and axes are read from."""
        return self.parts["bradley_terry"]

    def believe(self, vectors: Array) -> tuple[Array, Array]:
        """Predicted liking (n,) and its deviation (n,) of items (n, d), in logits: the moments of
        the mixture, so that candidates who disagree add to the doubt.
        """
        every = [p.believe(vectors) for p in self.parts.values()]
        means, stds = (np.array([e[i] for e in every], np.float64) for i in (0, 1))
        mean = self.weights @ means
        var = self.weights @ (stds**2 + (means - mean) ** 2)
        return mean.astype(np.float32), np.sqrt(var).astype(np.float32)

    def joint(self, vectors: Array) -> tuple[Array, Array]:
        """Of the linear part: mean (n,) and root (n, r) of all scores at once."""
        found: tuple[Array, Array] = self.linear.joint(vectors)
        return found

    def prob(self, left: Array, right: Array) -> Float:
        """Without the side bias: which is liked more, not which is clicked."""
        return np.asarray(self.weights @ [p.prob(left, right) for p in self.parts.values()])

    def predict(self, question: Question, outcome: Outcome, features: Features) -> float:
        """See meeting.foretell."""
        return self.foretold(self.meet(question, outcome, features))

    def direction(self) -> Array:
        """The linear part's mean taste as a unit vector (d,); zeros before anything is known."""
        found: Array = self.linear.direction()
        return found

    def side(self) -> tuple[float, float, float]:
        """Pull towards the left side in logits: mean and 90 % interval."""
        found: tuple[float, float, float] = self.linear.side()
        return found

    def state(self) -> dict[str, NDArray[Any]]:
        """Covariances as their upper triangle in float32: a fit is rounded so, and kept exactly;
        after steps it is a ten-millionth off.
        """
        out: dict[str, NDArray[Any]] = {"weights": self.weights, "held": self.held}
        for name, part in self.parts.items():
            for key, array in part.state().items():
                out[f"{name}/{key}"] = _half(array) if key == "cov" else array
        return out

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]], space: str) -> "Auto":
        names = sorted({k.split("/")[0] for k in state if "/" in k}, key=_place)
        parts = {}
        for name in names:
            own = {k.split("/")[1]: v for k, v in state.items() if k.startswith(f"{name}/")}
            own["cov"] = _square(own["cov"], len(own["mean"]))
            parts[name] = PREFERENCE[name].load().from_state(own, space)
        weights, held = (np.array(state[k], np.float64) for k in ("weights", "held"))
        return cls(space, parts, weights, held)


def _place(name: str) -> int:
    return list(Settings().pull).index(name)


def _rounded(part: Any) -> Any:
    told = part.state()
    told["cov"] = told["cov"].astype(np.float32).astype(np.float64)
    return part.from_state(told, part.space)


def _half(cov: Float) -> NDArray[np.float32]:
    return cov[np.triu_indices(len(cov))].astype(np.float32)


def _square(packed: NDArray[Any], d: int) -> Float:
    out = np.zeros((d, d))
    out[np.triu_indices(d)] = packed
    return out + np.triu(out, 1).T


def _held_out(
    parts: Mapping[str, Any], told: Sequence[Comparison], features: Features, prior: Prior,
    s: Settings,
) -> Float:  # fmt: skip
    """(m, c) what each candidate said of answers it had not seen. The same things asked about
    again are held out together, or the second answer would tell of the first.
    """
    newest = [c for c in told if c.outcome.word != "skip"][-s.most :]
    if len(newest) < s.least:
        return np.zeros((0, len(parts)))
    fold = np.array([sum(c.question.items) * 2654435761 % 2**32 % s.folds for c in newest])
    out = np.zeros((len(newest), len(parts)))
    for f in range(s.folds):
        known = [c for c, g in zip(newest, fold, strict=True) if g != f]
        for k, part in enumerate(parts.values()):
            again = getattr(part, "again", part.fit)
            made = again(known, features, prior)
            for i in np.flatnonzero(fold == f):
                out[i, k] = made.predict(newest[i].question, newest[i].outcome, features)
    return out
