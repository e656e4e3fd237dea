"""The passages that ship: well formed, unlike one another, and placed as the recipe says."""

import hashlib
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine.encoders import text_stats
from engine.starter import build_passages, text_space
from engine.starter.pool import read_records, write_records

HERE = build_passages.HERE
VOICES = build_passages.VOICES
WORD = re.compile(r"[^\W_]+(?:['\-.][^\W_]+)*")
# Four coordinates of two passages as the first release wrote them into people's folders.
RULER = [[-2.7298, -1.4675, -1.1729, -1.0316], [0.5666, 0.1928, 0.6281, -0.9125]]
Records = list[dict[str, str]]
Arrays = dict[str, Any]


@pytest.fixture(scope="module")
def records() -> Records:
    return list(read_records(HERE / "passages.jsonl.gz"))


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return load_file(str(HERE / "passages.safetensors"))


@pytest.fixture(scope="module")
def space() -> Arrays:
    return load_file(str(HERE / "text_space.safetensors"))


def words(text: str) -> list[str]:
    return [w.lower() for w in WORD.findall(text)]


def test_the_shipped_lines_are_the_sources(records: Records) -> None:
    assert build_passages.gather() == records


def test_what_is_packed_is_the_same_on_every_run(records: Records, tmp_path: Path) -> None:
    write_records(records, tmp_path / "again.gz")
    assert (tmp_path / "again.gz").read_bytes() == (HERE / "passages.jsonl.gz").read_bytes()


def test_every_task_has_every_voice_once(records: Records) -> None:
    found = defaultdict(list)
    for r in records:
        found[r["task"], r["prompt"]].append(r["voice"])
    assert len(found) >= 60 and len({task for task, _ in found}) == len(found)
    assert all(sorted(v) == sorted(VOICES) for v in found.values())


def test_hashes_are_of_the_text_and_differ(records: Records) -> None:
    assert all(hashlib.sha256(r["text"].encode()).hexdigest() == r["hash"] for r in records)
    assert len({r["hash"] for r in records}) == len(records)


def test_forty_to_ninety_words(records: Records) -> None:
    off = {(r["task"], r["voice"]): len(r["text"].split()) for r in records}
    assert {k: n for k, n in off.items() if not 40 <= n <= 90} == {}


def test_no_two_passages_share_their_sentences(records: Records) -> None:
    seen = defaultdict(set)
    for i, r in enumerate(records):
        w = words(r["text"])
        for k in range(len(w) - 5):
            seen[tuple(w[k : k + 6])].add(i)
    shared = [" ".join(six) for six, rows in seen.items() if len(rows) > 1]
    assert len(shared) / len(seen) < 0.001, shared


def test_five_words_in_a_row_are_rarely_somebody_elses(records: Records) -> None:
    """Within a task a plain phrase may come back (the name of a street); between tasks hardly."""
    seen = defaultdict(set)
    for r in records:
        w = words(r["text"])
        for k in range(len(w) - 4):
            seen[tuple(w[k : k + 5])].add(r["task"])
    assert len([five for five, tasks in seen.items() if len(tasks) > 1]) <= 5


def test_no_two_passages_nearly_say_the_same(records: Records, arrays: Arrays) -> None:
    """By MiniLM: of other tasks below .75, of one task below .9."""
    x = arrays["minilm"].astype(np.float32)
    near = x @ x.T - 2 * np.eye(len(x), dtype=np.float32)
    tasks = np.array([r["task"] for r in records])
    same = tasks[:, None] == tasks
    assert near[~same].max() < 0.75 and near[same].max() < 0.9


def test_of_one_task_no_passage_is_twice_as_long_as_another(records: Records) -> None:
    """The terse are shorter by nature; nobody else's length may decide."""
    found = defaultdict(list)
    for r in records:
        found[r["task"]].append(len(r["text"].split()))
    assert all(max(n) < 1.7 * min(n) for n in found.values())


def test_openings_differ(records: Records) -> None:
    openings = Counter(tuple(words(r["text"])[:3]) for r in records)
    assert [o for o, n in openings.items() if n > 2] == []
    firsts = Counter(words(r["text"])[0] for r in records)
    assert max(firsts.values()) / len(records) < 0.12, firsts.most_common(3)


def test_plain_characters_only(records: Records) -> None:
    odd = {c for r in records for c in r["text"] if not (c.isascii() and c.isprintable())}
    assert odd == set()


def test_arrays_fit_the_recipe(records: Records, arrays: Arrays, space: Arrays) -> None:
    n = len(records)
    assert arrays["features"].shape == (n, 64) and arrays["features"].dtype == np.float16
    assert arrays["minilm"].shape == (n, 384)
    assert arrays["stats"].shape == (n, len(text_stats.NAMES))
    np.testing.assert_allclose(
        text_stats.measure_all([r["text"] for r in records]), arrays["stats"], rtol=1e-3, atol=1e-3
    )
    minilm, stats = (arrays[k].astype(np.float32) for k in ("minilm", "stats"))
    again = text_space.apply(space, minilm, stats)
    np.testing.assert_allclose(again, arrays["features"], atol=1e-2)
    assert np.abs(arrays["features"]).max() <= text_space.CLIP


def test_the_ruler_does_not_move(arrays: Arrays) -> None:
    """What folders of people hold was measured with it: the first and the last of the ruler."""
    told = arrays["features"][[0, text_space.RULED - 1]][:, [0, 1, 30, 63]]
    np.testing.assert_allclose(told, RULER, atol=2e-3)


def test_passages_that_join_later_do_not_move_the_ruler() -> None:
    rng = np.random.default_rng(0)
    n = text_space.RULED + 16
    minilm, stats = rng.normal(size=(n, 384)), rng.normal(size=(n, len(text_stats.NAMES)))
    tasks, voices = [str(i // 8) for i in range(n)], [str(i % 8) for i in range(n)]
    few = text_space.make(*(a[: text_space.RULED] for a in (minilm, stats, tasks, voices)))
    many = text_space.make(minilm, stats, tasks, voices)
    for name in ("stat_mean", "stat_sd", "mean", "project"):
        np.testing.assert_array_equal(few[name], many[name])
    assert not np.array_equal(few["prior_var"], many["prior_var"])


def test_prior_makes_two_random_passages_differ_by_the_spread(
    arrays: Arrays, space: Arrays
) -> None:
    """E over prior and pairs of (u . (x - y))^2 is 2 sum_k var_k prior_var_k = SPREAD^2."""
    x, var = arrays["features"].astype(np.float64), space["prior_var"].astype(np.float64)
    assert var.shape == (64,) and (var > 0).all()
    every = [((row - x) ** 2 @ var).mean() for row in x]
    assert np.sqrt(np.mean(every)) == pytest.approx(text_space.SPREAD, rel=1e-3)


def test_a_voice_is_known_in_a_task_never_seen(records: Records, arrays: Arrays) -> None:
    """Nearest mean of the other tasks' voices; chance is one in eight."""
    x = arrays["features"]
    tasks, voices = (np.array([r[k] for r in records]) for k in ("task", "voice"))
    hits = []
    for task in np.unique(tasks):
        out = tasks == task
        means = np.stack([x[~out & (voices == v)].mean(0) for v in VOICES])
        nearest = ((x[out][:, None] - means) ** 2).sum(2).argmin(1)
        hits += list(np.array(VOICES)[nearest] == voices[out])
    assert np.mean(hits) > 0.9


def test_group_means_by_hand() -> None:
    x = np.array([[1.0], [3.0], [10.0]])
    np.testing.assert_array_equal(text_space.group_means(x, ["a", "a", "b"]), [[2], [2], [10]])


def test_voice_share_by_hand() -> None:
    """Two tasks, two voices. First column: voice alone, so the whole variance. Second: task alone.

    Third, within tasks: +-1 with opposite signs, so voices explain nothing.
    """
    x = np.array([[0.0, 0, -1], [2.0, 0, 1], [0.0, 5, 1], [2.0, 5, -1]])
    share = text_space.voice_share(x, ["a", "a", "b", "b"], ["u", "v", "u", "v"])
    np.testing.assert_allclose(share, [1, 0, 0], atol=1e-9)


def test_one_voice_is_no_pool() -> None:
    with pytest.raises(ValueError, match="two voices"):
        text_space.voice_share(np.zeros((2, 3)), ["a", "b"], ["u", "u"])


def test_too_small_a_pool_says_so() -> None:
    stats = np.zeros((4, len(text_stats.NAMES)))
    with pytest.raises(ValueError, match="too few"):
        text_space.make(np.zeros((4, 384)), stats, list("aabb"), list("uvuv"))


def test_a_source_without_a_voice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "01-x.toml").write_text('task = "x"\nprompt = "X"\n[voices]\nterse = "A."\n')
    with pytest.raises(ValueError, match="01-x.toml must hold exactly the voices"):
        build_passages.gather(tmp_path)
