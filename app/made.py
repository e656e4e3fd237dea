"""What was made earlier, a page at a time: look at it, use its words again, delete it.

And a strip: one picture on one seed at five strengths. Works on a Studio; no SQL, no HTTP.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app import drawing
from app.making import Unavailable
from app.wire import Missing
from engine.data import Kind, Request

if TYPE_CHECKING:
    from app.studio import Studio

PAGE, MOST_SHOWN = 12, 4


class Made:
    """The generations of a profile."""

    def __init__(self, studio: "Studio") -> None:
        self.studio = studio

    def page(
        self, user: int, profile: int, kind: Kind, before: int | None = None, limit: int = PAGE
    ) -> dict[str, Any]:
        """Newest first. `more` is what to send as `before` for the next page; None at the end."""
        self.studio.profile(user, profile)
        rows = self.studio.store.generations(profile, limit + 1, kind, before)
        more = rows[limit - 1]["id"] if len(rows) > limit else None
        return {"made": [self._shown(profile, row) for row in rows[:limit]], "more": more}

    def _shown(self, profile: int, row: dict[str, Any]) -> dict[str, Any]:
        """One row: its settings, and the few results that a person came for."""
        mine = [r for r in row["results"] if r["side"] == "personal"]
        drawn = [r for r in mine if "image" in r]
        results = [self._result(profile, row, r) for r in (drawn or mine)[:MOST_SHOWN]]
        keep = ("id", "prompt", "seed", "strength", "created")
        return {**{k: row[k] for k in keep}, "medium": row["kind"], "results": results}

    def _result(self, profile: int, row: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = {
            k: result[k] for k in ("side", "index", "label", "score", "std") if k in result
        }
        if "image" in result:
            place = f"/api/v1/profiles/{profile}/made/{row['id']}"
            found = {"media": f"{place}/{result['side']}/{result['index']}",
                     "alt": f"A drawing of {row['prompt']}"}  # fmt: skip
        elif "item" in result:
            found = {k: result["item"][k] for k in ("media", "alt") if k in result["item"]}
        else:
            found = {"text": result.get("text", "")}
        return {**told, **found}

    def picture(self, user: int, profile: int, which: tuple[int, str, int]) -> bytes:
        """One drawn picture as PNG; without its settings where these are not to be told."""
        self.studio.profile(user, profile)
        number, side, index = which
        for result in self.studio.generation(profile, number)["results"]:
            if (result["side"], result["index"]) == (side, index) and "image" in result:
                body = drawing.from_url(result["image"])
                return body if self.studio.metadata else drawing.bare(body)
        raise Missing(f"generation {number} has no drawn {side} picture {index}")

    def remove(self, user: int, profile: int, number: int) -> dict[str, Any]:
        """Delete one. What was answered about it stays an answer."""
        self.studio.profile(user, profile)
        try:
            self.studio.store.remove_generation(profile, number)
        except KeyError:
            raise Missing(f"there is no generation {number} here; load the page again") from None
        return {"removed": number}

    def strip(
        self, user: int, profile: int, wanted: dict[str, Any], cancelled: Callable[[], bool]
    ) -> Iterator[dict[str, Any]]:
        """Lines: start, look*, sample*, done; or error. Nothing of it is stored."""
        from app.create import depth_of, turned

        studio = self.studio
        studio.profile(user, profile)
        taste, _ = turned(studio, profile, "picture")
        request = Request(wanted["prompt"], 1, wanted["seed"], cancelled=cancelled)
        depth = depth_of(studio, profile, {**wanted, "medium": "picture"})
        yield {"type": "start", "strengths": drawing.STRIP, "depth": depth}
        wrong = self._no_strip(request.prompt, taste.answers)
        if wrong:
            yield {"type": "error", "error": wrong}
            return
        try:
            wish = drawing.Wish(taste, 1.0, depth)
            for sample in drawing.strip(studio, request, wish, wanted["index"]):
                if sample.pixels is not None:
                    yield self._line(request, wish, wanted["index"], sample)
        except (Unavailable, MemoryError) as missing:
            yield {"type": "error", "error": str(missing)}
            return
        if not cancelled():
            yield {"type": "done"}

    def _no_strip(self, prompt: str, answers: int) -> str:
        if not answers:
            return "There is no taste to turn up yet: three picks change that."
        return drawing.unknown(self.studio, prompt)

    def _line(
        self, request: Request, wish: drawing.Wish, index: int, sample: Any
    ) -> dict[str, Any]:
        strength = drawing.STRIP[sample.index]
        told = None
        if sample.done and self.studio.metadata:
            here = replace(wish, strength=strength)
            told = drawing.settings(
                self.studio.maker.draws, request, here, "personal", request.n + index
            )
        line = {"type": "sample" if sample.done else "look", "index": sample.index,
                "strength": strength, "image": drawing.as_url(sample.pixels, told)}  # fmt: skip
        if sample.score is not None:
            line |= {"score": round(sample.score, 4), "std": round(sample.std or 0.0, 4)}
        return line
