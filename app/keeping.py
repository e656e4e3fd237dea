"""Keep: a person's answers become an adapter, and the adapter is theirs to try and carry away.

Works on a Studio's store, minds and maker; knows neither SQL nor HTTP. The training itself runs in
a process of its own (app/jobs.py); here its order is written and its result is taken over.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.blind import Blind
from app.carrying import Carrying
from app.keeping_pictures import PRESETS as PICTURE_PRESETS
from app.keeping_pictures import PictureOrders
from app.warm import begun, startable
from app.warm import files as start_files
from app.wire import Bad, Missing

if TYPE_CHECKING:
    from app.studio import Studio
    from engine.data import Kind

ENOUGH = 8
NOUN, ONE = {"text": "words", "picture": "pictures"}, {"text": "text", "picture": "picture"}
PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"label": "Quick", "steps": 24, "batch": 4, "micro": 4, "check_every": 12},
    "good": {"label": "Good", "steps": 60, "batch": 4, "micro": 4, "check_every": 15},
    "best": {"label": "Best", "steps": 120, "batch": 6, "micro": 6, "check_every": 20},
}
BELIEF_PAIRS = 2
TRIED = ("Describe a small kitchen in the morning.", "Write a note to an old friend.")
ALWAYS = ("steps", "batch", "rate", "rank", "seed", "held_out")
OPEN = {"text": ALWAYS, "picture": (*ALWAYS, "mirror", "smooth")}


class Keeping:
    """Orders, adapters and their folder. One per Studio."""

    def __init__(self, studio: "Studio") -> None:
        self.studio = studio
        self.folder = studio.store.folder / "adapters"
        self.blind, self.carrying = Blind(self), Carrying(self)
        self.pictures = PictureOrders(studio)

    # jobs of a person

    def jobs(self, user: int, profile: int) -> list[dict[str, Any]]:
        """Newest first."""
        self.studio.profile(user, profile)
        return self.studio.jobs.of_profile(user, profile)

    def job(self, user: int, job: int) -> dict[str, Any]:
        """One job with its curve and samples."""
        self.studio.jobs.owned(user, job)
        return self.studio.jobs.shown(job, full=True)

    def wish(self, user: int, job: int, wish: str) -> dict[str, Any]:
        self.studio.jobs.owned(user, job)
        self.studio.jobs.wish(job, wish)
        return self.studio.jobs.shown(job)

    # before

    def offer(self, user: int, profile: int, medium: "Kind | None" = None) -> dict[str, Any]:
        """The three cards, what may be set, and whether there is enough to learn from."""
        counts = self.studio.profile(user, profile)["answers"]
        medium = medium or ("picture" if counts["picture"] > counts["text"] else "text")
        examples, answers = self._material(profile, medium)
        own = sum(e.source == "person" for e in examples)
        short = max(0, ENOUGH - answers)
        why = "" if not short else f"Answer {short} more questions about {NOUN[medium]} first."
        # Of pictures the belief may know enough where no answer showed two of one drawable thing.
        if not short and not (own if medium == "text" else examples):
            why = f"None of your answers prefers one {ONE[medium]} to another yet."
        if medium == "picture" and not self.pictures.ready():
            why = self.pictures.draws.why_not
        return {
            "medium": medium,
            "ready": not why,
            "why": why,
            "answers": answers,
            "pairs": own,
            "presets": self._cards(medium, examples),
            "objectives": self._objectives(medium, any(e.rationale for e in examples)),
            "settings": self._open(medium, self.settings("quick", medium=medium)),
            "from": startable(self, profile, medium),
            "command": f"python3 launch.py tune {profile} quick --medium {medium}",
        }

    def _cards(self, medium: "Kind", examples: list[Any]) -> list[dict[str, Any]]:
        from engine.estimate import Room, speed

        if medium == "text":
            return [self._card(name, examples) for name in PRESETS]
        if not self.pictures.ready():
            return []
        from engine.device import choose

        maker, device = self.studio.maker, choose(self.studio.maker.cpu)
        pace = maker.part(f"speed {device.name}", lambda: speed(device))
        return self.pictures.cards(Room.now(self.studio.store.folder, device), pace)

    def _material(self, profile: int, medium: "Kind") -> tuple[list[Any], int]:
        if medium == "text":
            return self.examples(profile)
        answers = len(self.studio.store.comparisons(profile, "picture"))
        return (self.pictures.examples(profile) if self.pictures.ready() else []), answers

    def examples(self, profile: int) -> tuple[list[Any], int]:
        """What there is to learn from, and how many answers it came from."""
        from engine.examples import from_answers, from_belief

        studio = self.studio
        comparisons = studio.store.comparisons(profile, "text")
        if not comparisons:
            return [], 0
        ids = {i for c in comparisons for i in c.question.items}
        shown = {i: studio.shelves.candidate(i) for i in ids}
        mind = studio.minds.seat(profile, "text").mind
        with mind.lock:
            features = mind.shelf.features
            mean, std = mind.belief.believe(features.matrix)
        rows = [int(i) for i in features.ids]
        pool = [studio.shelves.candidate(i) for i in rows]
        told = from_belief(pool, mean, std, BELIEF_PAIRS)
        why = studio.reasons.counting(profile)
        return from_answers(comparisons, shown, why=why) + told, len(comparisons)

    def settings(
        self, preset: str, given: Mapping[str, Any] | None = None, medium: "Kind" = "text"
    ) -> Any:
        """Settings of engine.training from a card and what the person changed."""
        from engine.training import Settings

        cards, alike = (
            (PRESETS, {}) if medium == "text" else (PICTURE_PRESETS, self.pictures.alike())
        )
        if preset not in cards:
            raise Bad(f"there is no card {preset!r}; choose {', '.join(cards)}")
        given = dict(given or {})
        unknown, here = set(given) - {*OPEN[medium], "objective", "knobs"}, ", ".join(OPEN[medium])
        if unknown:
            raise Bad(f"unknown settings: {', '.join(sorted(unknown))}; see {here}")
        base = {**alike, **{k: v for k, v in cards[preset].items() if k != "label"}}
        made = {**base, **{k: v for k, v in given.items() if v is not None}}
        if "steps" in given:
            made["check_every"] = max(1, int(made["steps"]) // 4)
        return Settings(**self._sound(made))

    def _sound(self, made: dict[str, Any]) -> dict[str, Any]:
        """Numbers within limits; Bad names the one that is not."""
        limits = {"steps": (1, 5000), "batch": (1, 64), "rank": (1, 64), "rate": (1e-6, 0.1),
                  "held_out": (0.0, 0.5), "seed": (0, 2**31 - 1), "mirror": (0, 1),
                  "smooth": (0, 10_000)}  # fmt: skip
        for name, (low, high) in limits.items():
            if name in made and not low <= float(made[name]) <= high:
                raise Bad(f"{name} must lie between {low:g} and {high:g}")
        return made

    def _card(self, name: str, examples: list[Any]) -> dict[str, Any]:
        from engine.estimate import Room, Shape, cost, speed, tokens

        plan = PRESETS[name]
        told = {"name": name, "label": plan["label"], "gain": GAIN[name]}
        try:
            shape = Shape.of(self.studio.maker.lm_place())
        except ValueError as wrong:
            return {**told, "minutes": 0, "memory_gb": 0, "fits": False, "why": str(wrong)}
        size = tokens([e.texts for e in examples]) if examples else 180.0
        pace = self.studio.maker.part("speed", speed)
        steps = (plan["steps"], plan["batch"], plan["micro"])
        found = cost(shape, size, steps, pace, Room.now(self.studio.store.folder))
        return {**told, "minutes": round(found.minutes, 1), "fits": found.fits,
                "memory_gb": round(found.memory / 1e9, 1), "why": found.why}  # fmt: skip

    def _objectives(self, medium: "Kind", reasons: bool) -> list[dict[str, Any]]:
        from engine.objectives import OBJECTIVES

        loaded = {name: entry.load() for name, entry in OBJECTIVES.items()}
        told = ((OBJECTIVES[n].label, OBJECTIVES[n].paper, reasons) for n in loaded)
        return [self._objective(name, made, *about)
                for (name, made), about in zip(loaded.items(), told, strict=True)
                if medium in made.media]  # fmt: skip

    @staticmethod
    def _objective(name: str, made: Any, label: str, paper: str, reasons: bool) -> dict[str, Any]:
        knobs = [
            {"name": f.name, "default": getattr(made.defaults, f.name), "help": f.metadata["help"],
             "low": f.metadata["range"][0], "high": f.metadata["range"][1]}
            for f in fields(made.settings) if "range" in f.metadata
        ]  # fmt: skip
        missing = made.rationales and not reasons
        why = "needs reasons, and no answer has one yet" if missing else ""
        return {"name": name, "label": label, "paper": paper, "knobs": knobs,
                "usable": not why, "why": why}  # fmt: skip

    @staticmethod
    def _open(medium: "Kind", settings: Any) -> dict[str, Any]:
        return {k: v for k, v in asdict(settings).items() if k in OPEN[medium]}

    # the order

    def tune(self, user: int, profile: int, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Write the order and start it; it goes on without this process. Bad: what is missing."""
        from engine.tuning import write_examples

        offer = self.offer(user, profile, wanted.get("medium"))
        if not offer["ready"]:
            raise Bad(offer["why"])
        medium, preset = offer["medium"], wanted.get("preset") or "quick"
        start = begun(self, (user, profile), wanted, medium)
        given = self._given(wanted, offer) | ({"rank": start.rank} if start else {})
        settings = self.settings(preset, given, medium)
        card = next(c for c in offer["presets"] if c["name"] == preset)
        if not card["fits"]:
            raise Bad(f"{card['label']} does not fit: {card['why']}")
        files: dict[str, str | bytes]
        if medium == "text":
            self.studio.maker.must_have_lm()
            request = self._request(profile, settings)
            told = write_examples([self.examples(profile)[0]])
            files = {"examples.json": told, **start_files(start)}
        else:
            request, files = self.pictures.order(profile, settings)
        request["card"] = {
            "profile": profile, "medium": medium, "accuracy": self._accuracy(profile, medium),
            "name": wanted.get("name") or f"{self.studio.store.profile(profile).name} {preset}",
            "preset": preset, "answers": offer["answers"], "start": wanted.get("start"),
            "seq": self.studio.minds.seat(profile, medium).mind.seq,
        }  # fmt: skip
        jobs, what = self.studio.jobs, {"text": "tune", "picture": "tune_pictures"}[medium]
        return jobs.shown(jobs.add((user, profile), what, request, files))

    def _given(self, wanted: Mapping[str, Any], offer: Mapping[str, Any]) -> dict[str, Any]:
        """The person's changes, the method and its knobs checked against their tables."""
        given = dict(wanted.get("settings") or {})
        name = wanted.get("objective") or offer["objectives"][0]["name"]
        found = next((o for o in offer["objectives"] if o["name"] == name), None)
        if found is None:
            raise Bad(f"there is no method {name!r}; choose one of the list")
        if not found["usable"]:
            raise Bad(f"{found['label']} cannot be used now: it {found['why']}")
        knobs = dict(wanted.get("knobs") or {})
        for key, value in knobs.items():
            knob = next((k for k in found["knobs"] if k["name"] == key), None)
            if knob is None or not knob["low"] <= float(value) <= knob["high"]:
                raise Bad(f"{found['label']} has no setting {key} = {value}; see its ranges")
        return {**given, "objective": name, "knobs": knobs}

    def _request(self, profile: int, settings: Any) -> dict[str, Any]:
        studio = self.studio
        place = studio.maker.lm_place()
        cache = studio.store.folder / "cache" / "reference"
        return {
            "model": str(place.resolve()),
            "cpu": studio.maker.cpu,
            "settings": asdict(settings),
            "prompts": list(TRIED),
            "cache": str(cache / f"{studio.maker.lm_name()}.bin"),
            "slot": str(studio.maker.lock_file),
            "base": base_of(place),
        }

    def _accuracy(self, profile: int, medium: "Kind") -> Any:
        from app import report

        return report.accuracy(self.studio.minds.seat(profile, medium).mind)

    # what came out

    def commit(
        self, row: Mapping[str, Any], folder: Path, _end: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Take over the staged adapter: a row, then its folder. Tried again after a crash, it is
        the same adapter.
        """
        from engine.adapter import Adapter

        staged = folder / "out" / "person-0"
        if not staged.exists():
            return {}
        made = Adapter.load(staged)
        return {"adapter": self.put(row["profile_id"], row["id"], made, made.card.get("name", ""))}

    def put(self, profile: int, job: int | None, made: Any, name: str) -> int:
        """Row first, then the folder; both at most once."""
        number = int(self.studio.store.work.add_adapter(
            profile,
            {"job_id": job, "name": name or "My taste", "base": made.base.name,
             "kind": "picture" if made.card.get("medium") == "picture" else "text",
             "digest": made.digest(), "card": dict(made.card)},
        ))  # fmt: skip
        if not self.place(number).exists():
            self.folder.mkdir(mode=0o700, exist_ok=True)
            try:
                made.save(self.place(number))
            except OSError:
                if job is None:  # a job's is tried again; nobody would come back for this one
                    self.studio.store.work.remove_adapter(number)
                raise
        return number

    def place(self, adapter: int) -> Path:
        return self.folder / str(adapter)

    def load(self, adapter: int) -> Any:
        """The Adapter by number, kept in memory once read."""
        from engine.adapter import Adapter

        return self.studio.maker.part(
            f"adapter {adapter}", lambda: Adapter.load(self.place(adapter))
        )

    def chosen(self, profile: int, kind: "Kind" = "text") -> Any:
        """The adapter Create uses, or None; one of other weights does not count."""
        rows = self.studio.store.work.adapters(profile)
        row = next((r for r in rows if r["chosen"] and r["kind"] == kind), None)
        # A kill between a row and its folder leaves a row alone; it counts as none.
        there = row is not None and self.place(row["id"]).exists()
        return self.load(row["id"]) if row and there and self.fits(row) else None

    def listed(self, profile: int) -> list[dict[str, Any]]:
        return [self.shown(row) for row in self.studio.store.work.adapters(profile)]

    def shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
        keys = ("id", "name", "kind", "base", "chosen", "created", "card")
        return {**{k: row[k] for k in keys}, "fits": self.fits(row)}

    def fits(self, row: Mapping[str, Any]) -> bool:
        if row["kind"] == "picture":
            return self.pictures.ready() and bool(row["base"] == self.pictures.identity())
        known = self.studio.maker.lm_identity()
        return known is None or bool(row["base"] == known)

    def one(self, user: int, adapter: int) -> dict[str, Any]:
        """The row, if it is this user's."""
        try:
            row = self.studio.store.work.adapter(adapter)
            self.studio.profile(user, row["profile_id"])
        except (KeyError, Missing):
            raise Missing(f"there is no adapter {adapter} here; load the page again") from None
        return dict(row)

    def change(self, user: int, adapter: int, given: Mapping[str, Any]) -> dict[str, Any]:
        row = self.one(user, adapter)
        work = self.studio.store.work
        if given.get("name"):
            work.rename_adapter(adapter, given["name"].strip()[:80])
        if given.get("chosen") is not None:
            work.choose_adapter(row["profile_id"], row["kind"],
                                adapter if given["chosen"] else None)  # fmt: skip
        return self.shown(self.one(user, adapter))

    def remove(self, user: int, adapter: int) -> dict[str, Any]:
        self.one(user, adapter)
        self.studio.audited(user, "adapter-delete", adapter=adapter)
        self.studio.store.work.remove_adapter(adapter)
        self.studio.maker.drop(f"adapter {adapter}")
        for place in (self.place(adapter), self.exports(adapter)):
            shutil.rmtree(place, ignore_errors=True)
        return {"removed": adapter}

    def exports(self, adapter: int) -> Path:
        return self.studio.store.folder / "exports" / str(adapter)

    def forget(self, profile: int) -> None:
        """Folders of a profile that is about to be deleted, and the cache that knows its texts."""
        shutil.rmtree(self.studio.store.folder / "cache", ignore_errors=True)
        for row in self.studio.store.work.adapters(profile):
            self.studio.maker.drop(f"adapter {row['id']}")
            for place in (self.place(row["id"]), self.exports(row["id"])):
                shutil.rmtree(place, ignore_errors=True)


# What simulated people gained in bench tuned (docs/evidence.md); only "quick" was measured.
GAIN = {
    "quick": "Simulated people liked it more than plain in 78 of 100.",
    "good": "Gain not measured yet.",
    "best": "Gain not measured yet.",
}


def base_of(place: Path) -> dict[str, str]:
    """What a model folder says of itself: upstream id, licence, architecture."""
    manifest = place / "manifest.json"
    found = json.loads(manifest.read_text()) if manifest.exists() else {}
    config = place / "config.json"
    read = json.loads(config.read_text()) if config.exists() else {}
    shipped = "upstream" in found
    return {
        "name": "",
        "upstream": str(found.get("upstream") or read.get("_name_or_path") or place.name),
        "licence": "apache-2.0" if shipped else "",
        "architecture": str((read.get("architectures") or [""])[0]),
        "note": "trained on a copy dequantised from Q4_1" if shipped else "",
    }
