"""Carrying an adapter away and in: exports that were loaded again, imports that were checked.

An export lies in exports/ADAPTER/TARGET with proof.json beside it, so that every page shows the
same after a reload.
"""

import json
import shutil
import threading
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import bending
from app.jobs import read
from app.wire import Bad, Missing
from engine.memory import plainly

if TYPE_CHECKING:
    from app.keeping import Keeping

MOST = 64 * 1024 * 1024
PRIVACY = ("vector only", "pseudonymous", "full")


class Carrying:
    """Exports and imports of one studio's adapters."""

    def __init__(self, keeping: "Keeping") -> None:
        self.keeping, self.studio = keeping, keeping.studio
        self._one = threading.Lock()

    def targets(self, user: int, adapter: int) -> list[dict[str, Any]]:
        """Every target that fits this adapter and its model, with what is known of it."""
        kind = self.keeping.one(user, adapter)["kind"]
        return [
            self._target(adapter, name) for name in fitting(kind) if not self.why_not(kind, name)
        ]

    def unfit(self, user: int, adapter: int) -> list[dict[str, str]]:
        """Targets of this kind whose programs cannot run the model here, each with the reason."""
        from engine.exports import EXPORTS

        kind = self.keeping.one(user, adapter)["kind"]
        found = {name: self.why_not(kind, name) for name in fitting(kind)}
        return [
            {"name": n, "label": EXPORTS[n].label, "why": why} for n, why in found.items() if why
        ]

    def why_not(self, kind: str, target: str) -> str:
        """Why the programs of a target cannot run the model that an adapter of a kind bends."""
        from engine.exports import EXPORTS

        if kind != "picture" or "pictures" not in EXPORTS[target].traits:
            return ""
        wanted = EXPORTS[target].load()
        if "personal" in wanted.needs and not bending.attends(self.studio, 0):
            return "This picture model was not taught to heed a person's vector."
        return str(wanted.unfit(self._model(kind)))

    def _target(self, adapter: int, name: str) -> dict[str, Any]:
        from engine.exports import EXPORTS

        entry = EXPORTS[name]
        made = self.keeping.exports(adapter) / f"{name}.json"
        told: dict[str, Any] = {"state": "new", "tick": "", "why": "", "matched": 0, "total": 0}
        told |= read(made)
        return {"name": name, "label": entry.label, "help": entry.paper,
                "words": "words" in entry.traits, **told}  # fmt: skip

    def export(
        self, user: int, adapter: int, target: str, privacy: str = "vector only"
    ) -> Iterator[dict[str, Any]]:
        """Lines: note*, then done with the target, or error. Runs on when nobody listens."""
        from engine.exports import EXPORTS
        from engine.exports.base import Refused, make

        row = self.keeping.one(user, adapter)
        if target not in fitting(row["kind"]):
            raise Missing(f"there is no target {target!r}; see the list of exports")
        self.studio.audited(user, "adapter-export", adapter=adapter, target=target)
        place = self.keeping.exports(adapter)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        label = EXPORTS[target].label
        yield {"type": "note", "text": f"Writing and loading it again: {label}."}
        with self._one:
            shutil.rmtree(place / target, ignore_errors=True)
            for old in (f"{target}.json", f"{target}.zip"):
                (place / old).unlink(missing_ok=True)
            try:
                wanted = EXPORTS[target].load()
                what = self._material(row, privacy, wanted.needs)
                with plainly():
                    proof = make(wanted, what, place / target).json()
                _packed(place / target, what.slug)
                told = {"state": "made", "privacy": privacy, "slug": what.slug,
                        "snippet": wanted.how(what), **proof}  # fmt: skip
            except (Refused, Bad, MemoryError) as wrong:
                told = {"state": "refused", "why": str(wrong)}
            except OSError as wrong:
                shutil.rmtree(place / target, ignore_errors=True)
                (place / f"{target}.zip").unlink(missing_ok=True)
                told = {"state": "refused", "why": _unwritten(wrong)}
            part = place / f".{target}.json"
            part.write_text(json.dumps(told))
            part.replace(place / f"{target}.json")
        yield {"type": "done", "target": self._target(adapter, target)}

    def _material(self, row: dict[str, Any], privacy: str, needs: frozenset[str]) -> Any:
        """What a target draws on, and no more: a direction or a prompt is made when needed."""
        from engine.exports.base import Facts, Material

        if privacy not in PRIVACY:
            raise Bad(f"privacy is one of {', '.join(PRIVACY)}")
        studio, card = self.studio, row["card"]
        told = card.get("accuracy") or {}
        agreement = None
        if told.get("accuracy") is not None:
            agreement = (told["accuracy"], told["low"], told["high"])
        facts = Facts(
            answers=int(card.get("answers", 0)), agreement=agreement,
            method=str(card.get("objective", "")), privacy=privacy,  # type: ignore[arg-type]
            profile=row["digest"][:8],
            simulated=studio.store.profile(row["profile_id"]).simulated,
        )  # fmt: skip
        what = Material(
            title=row["name"], model=self._model(row["kind"]).resolve(),
            adapter=self.keeping.load(row["id"]), facts=facts, gguf=_gguf(studio.maker),
            answers=() if privacy == "vector only" else studio.bundles.told(row["profile_id"]),
        )  # fmt: skip
        if "direction" in needs:
            return self._steered(what, row["profile_id"])
        if "personal" in needs:
            return self._personal(what, row["profile_id"])
        return self._prompted(what, row["profile_id"]) if "prompt" in needs else what

    def _model(self, kind: str) -> Path:
        return self.keeping.pictures.model() if kind == "picture" else self.studio.maker.lm_place()

    def _steered(self, what: Any, profile: int) -> Any:
        """With the direction, and what its strength means: the slider's full is more than 1."""
        found = self._direction(profile)
        if found is None:
            return what
        maker = self.studio.maker
        full = maker.safe(maker.language_model(), found)
        facts = replace(what.facts, strength=full, range=(-full, full), full=full)
        return replace(what, direction=found, facts=facts)

    def _personal(self, what: Any, profile: int) -> Any:
        """With the person's vector and the adapter that ships for it, where one does."""
        from app import drawing
        from engine.starter.drawer import personal

        vector = bending.vector(self.studio, profile)
        if not bending.attends(self.studio, profile) or not vector.any():
            return what
        facts = replace(what.facts, strength=personal.FULL, range=(0.0, personal.FULL),
                        full=personal.FULL)  # fmt: skip
        return replace(what, personal=personal.adapter(drawing.model(self.studio)),
                       vector=tuple(map(float, vector)), facts=facts)  # fmt: skip

    def _prompted(self, what: Any, profile: int) -> Any:
        """With the taste as a text; at 'vector only' there is none."""
        from app.describing import written
        from app.shots import system_prompt, words
        from engine.exports.checks.answers import kept

        if what.facts.privacy == "vector only":
            return what
        owner = self.studio.store.profile(profile).user_id
        axes = self.studio.belief(owner, profile, "text")["axes"]
        # Own words leave at "full" alone; what the answers suggest stands in the opening anyway.
        own = written(self.studio, profile, "text") if what.facts.privacy == "full" else ""
        return replace(what, prompt=system_prompt(words(axes), kept(what)[0], own))

    def _direction(self, profile: int) -> Any:
        from app.create import direction
        from app.tastes import taste_of

        taste = taste_of(self.studio, profile, "text")
        if not taste.answers:
            return None
        return direction(self.studio, self.studio.maker.language_model(), taste)

    def file(self, user: int, adapter: int, target: str) -> tuple[Path, str]:
        """(zip on the disk, name) of a finished export."""
        self.keeping.one(user, adapter)
        place = self.keeping.exports(adapter)
        told, packed = place / f"{target}.json", place / f"{target}.zip"
        if not target.isidentifier() or not (told.exists() and packed.exists()):
            raise Missing("this was not exported yet; make it on Keep or by adapter-export")
        self.studio.audited(user, "adapter-file", adapter=adapter, target=target)
        return packed, f"{json.loads(told.read_text())['slug']}-{target}.zip"

    @staticmethod
    def words(target: str) -> bool:
        """Whether a target holds texts and answers rather than numbers."""
        from engine.exports import EXPORTS

        return "words" in EXPORTS[target].traits

    # in

    def bring(self, user: int, profile: int, data: bytes) -> dict[str, Any]:
        """An adapter from elsewhere, through every check; nothing is kept unless all hold."""
        self.studio.profile(user, profile)
        self.studio.audited(user, "adapter-import", profile=profile, bytes=len(data))
        made = self.checked(data)
        name = str(made.card.get("name", "")) or "Brought in"
        number = self.keeping.put(profile, None, made, name)
        return self.keeping.shown(self.keeping.one(user, number))

    def checked(self, data: bytes) -> Any:
        """The Adapter in a zip, for the model here; Bad says which check failed."""
        from engine.adapter_check import BadAdapter, read_adapter, shows_pictures

        if len(data) > MOST:
            raise Bad("the file is larger than 64 MB; an adapter of one person is smaller")
        pictures = shows_pictures(data)
        try:
            made = read_adapter(data, *self._base(pictures))
        except BadAdapter as wrong:
            raise Bad(str(wrong)) from None
        return replace(made, card={**made.card, "medium": "picture" if pictures else "text"})

    def _base(self, pictures: bool) -> tuple[Any, dict[str, tuple[int, int]]]:
        """The model an adapter from elsewhere must fit, and the shapes of its layers."""
        from app import drawing
        from app.keeping import base_of
        from engine.adapter import Base

        maker, told = self.studio.maker, self.keeping.pictures
        if not pictures:
            backbone = maker.language_model()
            return Base(**{**base_of(maker.lm_place()), "name": backbone.name}), shapes(
                backbone.model
            )
        if not told.ready():
            raise Bad(f"this adapter is for pictures. {told.draws.why_not}")

        backbone = drawing.model(self.studio)
        return Base(**{**told.base(), "name": backbone.name}), shapes(
            backbone.model, backbone.layers
        )

    def pack(self, user: int, adapter: int) -> tuple[bytes, str]:
        """For another studio: the adapter with its hashes."""
        self.keeping.one(user, adapter)
        self.studio.audited(user, "adapter-file", adapter=adapter, target="penchant")
        return self.packed(adapter), f"penchant-adapter-{adapter}.zip"

    def packed(self, adapter: int) -> bytes:
        from engine.adapter_check import BadAdapter, pack_adapter

        try:
            return pack_adapter(self.keeping.load(adapter))
        except BadAdapter as wrong:
            raise Bad(str(wrong)) from None


def fitting(kind: str) -> list[str]:
    """Targets for an adapter of words or of pictures; answers go with either."""
    from engine.exports import EXPORTS

    if kind == "picture":
        return [n for n, e in EXPORTS.items()
                if e.traits & {"pictures", "words"} and "language" not in e.traits]  # fmt: skip
    return [n for n, e in EXPORTS.items() if "pictures" not in e.traits]


def _unwritten(wrong: OSError) -> str:
    """Why there is no export. Libraries raise OSError too, for files of a model: the system's own
    has a number.
    """
    if wrong.errno is None:
        first = (str(wrong).strip().splitlines() or [type(wrong).__name__])[0]
        return (f"it could not be made: {first[:300]} If the model was moved or changed, put it "
                "back and export it again")  # fmt: skip
    return (f"it could not be written ({wrong.strerror}); make room on the disk or check it, and "
            "export it again")  # fmt: skip


def _packed(folder: Path, name: str) -> None:
    """The folder as one zip beside it, in its place: a merged model is too large to keep twice."""
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w", zipfile.ZIP_STORED) as packed:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            packed.write(path, f"{name}/{path.relative_to(folder)}")
    shutil.rmtree(folder)


def shapes(model: Any, names: Sequence[str] = ()) -> dict[str, tuple[int, int]]:
    """(outputs, inputs) of every layer an adapter may change."""
    from engine.lora import LINEAR, targets

    found = targets(model, names or LINEAR)
    return {k: (v.out_features, v.in_features) for k, v in found.items()}


def _gguf(maker: Any) -> Path | None:
    """The base as llama.cpp reads it: the packed file the shipped model was made from."""
    if maker.lm:
        return None
    from engine.starter.convert_lm import source

    try:
        return source()
    except FileNotFoundError:
        return None
