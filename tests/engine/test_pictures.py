"""The picture pool and its space: what ships is what the encoders say, and is fit to be shown."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from engine.backbones.pool import ALIKE, PoolBackbone
from engine.data import Features, Request
from engine.encoders import picture_stats
from engine.starter import space
from engine.starter.choice import wanted
from engine.starter.pool import pictures
from engine.steering.rerank import rerank


def test_every_picture_is_what_its_line_says() -> None:
    pool = pictures()
    assert len(pool) > 2000
    for row in range(0, len(pool), 97):
        body = pool.bytes(row)
        assert hashlib.sha256(body).hexdigest() == pool.records[row]["hash"]
        assert Image.open(io.BytesIO(body)).size == (192, 192)


def test_one_concept_comes_in_many_styles_and_with_a_licence() -> None:
    pool = pictures()
    by: dict[str, set[str]] = {}
    for record in pool.records:
        by.setdefault(record["concept"], set()).add(record["style"])
        assert record["licence"] in ("MIT", "Apache-2.0", "CC-BY-4.0")
    assert min(len(s) for s in by.values()) >= 9
    assert len({r["hash"] for r in pool.records}) == len(pool)


def test_what_does_not_belong_is_left_out() -> None:
    assert wanted("red apple", "food-drink", "food-fruit")
    for label, group, sub in (
        ("water pistol", "objects", "tool"),
        ("church", "travel-places", "place-religious"),
        ("flag: France", "flags", "country-flag"),
        ("waving hand", "people-body", "hand-fingers-open"),
    ):
        assert not wanted(label, group, sub)


def test_the_stored_features_are_those_of_the_encoder() -> None:
    from engine.encoders import ENCODERS

    pool, rows = pictures(), [3, 700, 1900]
    seen = [Image.open(io.BytesIO(pool.bytes(r))).convert("RGB") for r in rows]
    made = ENCODERS["starter-picture"].load()().encode(seen)
    np.testing.assert_allclose(made, pool.features[rows], atol=2e-2)


def test_statistics_of_plain_squares_by_hand() -> None:
    names = [s.name for s in picture_stats.NAMES]
    red = Image.new("RGB", (96, 96), "white")
    red.paste((255, 0, 0), (24, 24, 72, 72))
    seen = dict(zip(names, picture_stats.measure(red), strict=True))
    assert seen["brightness"] == pytest.approx(0.299, abs=1e-3)
    assert seen["colour strength"] == pytest.approx(1.0, abs=1e-3)
    assert seen["fill"] == pytest.approx(0.25, abs=1e-3)
    assert seen["redness"] == pytest.approx(1.0, abs=1e-3)
    assert seen["symmetry"] == pytest.approx(0.0, abs=1e-3)
    assert seen["width"] == pytest.approx(0.0, abs=1e-6)


def test_a_blank_picture_has_finite_statistics() -> None:
    assert np.isfinite(picture_stats.measure(Image.new("RGB", (10, 10), "white"))).all()


def test_normal_scores_rank_and_share_ties() -> None:
    knots = np.linspace(0, 1, space.KNOTS)[:, None]
    made = space.scores(np.array([[0.5], [0.0], [2.0]]), knots)[:, 0]
    np.testing.assert_allclose(made, [0, -2.4232, 2.4232], atol=1e-4)
    flat = space.scores(np.array([[0.0]]), np.zeros((space.KNOTS, 1)))
    assert flat[0, 0] == pytest.approx(0, abs=1e-9)


@pytest.fixture
def backbone() -> PoolBackbone:
    rng = np.random.default_rng(0)
    captions = np.repeat(rng.standard_normal((30, 8)).astype(np.float32), 5, axis=0)
    captions /= np.linalg.norm(captions, axis=1, keepdims=True)
    ids = np.arange(1, 151)
    features = Features("t:p", ids, rng.standard_normal((150, 4)).astype(np.float32))
    return PoolBackbone("picture", ids, captions, features, lambda texts: captions[[7]])


def ids(backbone: PoolBackbone, seed: int = 1, n: int = 6) -> list[int | None]:
    return [s.item for s in backbone.generate(Request("x", n=n, seed=seed))]


def test_a_collection_repeats_itself_under_a_seed(backbone: PoolBackbone) -> None:
    assert ids(backbone) == ids(backbone) != ids(backbone, seed=2)
    assert len(set(ids(backbone))) == 6


def test_a_collection_varies_what_it_shows(backbone: PoolBackbone) -> None:
    rows = [i - 1 for i in ids(backbone, n=8) if i]
    same = np.unique(backbone.captions[rows], axis=0, return_counts=True)[1]
    assert same.max() <= ALIKE


def test_rerank_prefers_what_is_liked_and_leaves_no_trace(backbone: PoolBackbone) -> None:
    taste = np.array([1.0, 0, 0, 0], np.float32)

    def score(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x @ taste, np.ones(len(x), np.float32)

    plain = ids(backbone)
    with rerank(backbone, score, 0.0):
        assert ids(backbone) == plain
    with rerank(backbone, score, 1.0):
        bent = ids(backbone)
    assert ids(backbone) == plain and backbone.tilt is None
    assert np.mean(backbone.features.of(bent) @ taste) > np.mean(  # type: ignore[arg-type]
        backbone.features.of(plain) @ taste  # type: ignore[arg-type]
    )
