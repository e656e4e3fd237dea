"""FSPO's language-model form: the last labelled pairs stand before the question.

How much a person prefers an answer y to a question x is its likelihood after the pairs D; what it
has without them is everybody's, and the rest is the person's own:

    s(y) = log pi(y | D, x) = log pi(y | x) + own(y),

by the token, so that length does not count, or summed as in the paper's code (Singh et al. 2025,
arXiv 2502.19312, founding paper 49); the pi on the left may carry the adapter that was taught over
many people (engine/fspo_recipe.py), and needs none. Layout and what is dropped when it does not
fit: engine/shots.py. Nothing is fitted to a person: the pairs and a few editable words about the
person are all that is stored. Assumes that the model can read its own context; how well the one
that ships does stands in docs/evidence.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from engine.data import Array, Request
from engine.shots import Shot, fitted

LEAST = 8


@dataclass(frozen=True)
class Settings:
    shots: int = field(default=4, metadata={"help": "newest pairs shown", "low": 0, "high": 32})
    per_token: bool = field(
        default=True, metadata={"help": "measure by the token, so that length does not count"}
    )


@dataclass(frozen=True)
class FewShot:
    """A person as text: pairs, oldest first, and a description that the person may edit."""

    shots: tuple[Shot, ...] = ()
    description: str = ""
    settings: Settings = Settings()

    def add(self, shot: Shot) -> "FewShot":
        return replace(self, shots=(*self.shots, shot))

    def described(self, text: str) -> "FewShot":
        return replace(self, description=text.strip())

    def prompt(self, lm: Any, question: str, answers: Sequence[str] = (), room: int = 0) -> str:
        """The prompt that leaves room for the longest answer, or for `room` tokens.

        A shot that holds one of the answers is left out: it would give the answer away.
        """
        known = {a.strip() for a in answers}
        shots = [s for s in self.shots if not known & {s.chosen.strip(), s.rejected.strip()}]
        n = self.settings.shots
        longest = max([room, LEAST, *(_tokens(lm, a) for a in answers)])
        window = int(lm.model.config.max_position_embeddings)
        # An answer is never cut: one that fills the window leaves the question alone before it.
        left = max(window - longest, min(window - LEAST, len(lm.prompt_ids(question))))
        return fitted(question, shots[-n:] if n else [], lambda t: len(lm.prompt_ids(t)), left,
                      self.description)  # fmt: skip

    def score(self, lm: Any, question: str, answers: Sequence[str]) -> Array:
        """(n,) log-likelihood of each answer after the pairs and the description, in nats."""
        return self._likely(lm, self.prompt(lm, question, answers), answers)

    def own(self, lm: Any, question: str, answers: Sequence[str]) -> Array:
        """(n,) what the pairs and the description add to it: the personal part; 0 without any."""
        told = self.prompt(lm, question, answers)
        plain = self._likely(lm, question, answers)
        return plain - plain if told == question else self._likely(lm, told, answers) - plain

    def _likely(self, lm: Any, prompt: str, answers: Sequence[str]) -> Array:
        if not all(a.strip() for a in answers):
            raise ValueError("an answer is empty; there is nothing to weigh")
        sums, n = lm.logps(prompt, answers)
        return np.asarray(sums / np.maximum(n, 1.0) if self.settings.per_token else sums)

    def request(self, lm: Any, request: Request) -> Request:
        """The same request with the person before it: for writing."""
        told = self.prompt(lm, request.prompt, room=request.max_tokens)
        return replace(request, prompt=told)

    def state(self) -> dict[str, Any]:
        """Plain values for JSON; the words are the person's own."""
        return {"description": self.description,
                "shots": [[s.question, s.chosen, s.rejected] for s in self.shots]}  # fmt: skip

    @classmethod
    def from_state(cls, state: dict[str, Any], settings: Settings | None = None) -> "FewShot":
        shots = tuple(Shot(*row) for row in state["shots"])
        return cls(shots, str(state["description"]), settings or Settings())


def _tokens(lm: Any, text: str) -> int:
    return len(lm.tokenizer(text, add_special_tokens=False)["input_ids"])
