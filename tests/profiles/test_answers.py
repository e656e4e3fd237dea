"""The log: idempotent, append-only, undone and redone like a plain list, at a flat cost."""

import sqlite3
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data import Outcome
from profiles import answers, questions
from profiles.errors import Damaged
from profiles.records import NewQuestion
from profiles.store import Conflict, NewAnswer, Store
from tests.profiles.desk import Desk, full_desk, new_desk, pictures


def test_the_same_key_and_content_is_one_answer(desk: Desk) -> None:
    asked = desk.ask()
    new = NewAnswer(asked.id, Outcome((asked.items[1],)), 2.0, 700, "choose", "k", 0.4)
    first = desk.store.add_answer(new)
    again = desk.store.add_answer(replace(new, predicted=0.9))
    assert (first.seq, first.duplicate, again.seq, again.duplicate) == (1, False, 1, True)
    assert len(desk.store.answer_rows(desk.profile)) == 1
    assert desk.store.replay(desk.profile, "text")[0][1] == 0.4


@pytest.mark.parametrize(
    "change", [{"strength": 1.0}, {"ms": 1}, {"outcome": Outcome(word="skip")}, {"source": "x"},
               {"note": "n"}, {"extra": {"a": 1}}],
)  # fmt: skip
def test_the_same_key_with_other_content_is_a_conflict(desk: Desk, change: dict) -> None:
    asked = desk.ask()
    new = NewAnswer(asked.id, Outcome((asked.items[1],)), 2.0, 700, key="k")
    desk.store.add_answer(new)
    with pytest.raises(Conflict, match="another answer"):
        desk.store.add_answer(replace(new, **change))
    with pytest.raises(Conflict, match="something else"):
        desk.store.undo(desk.profile, "text", "k")


def test_a_question_is_answered_once(desk: Desk) -> None:
    asked = desk.ask()
    desk.pick(asked)
    with pytest.raises(Conflict, match="answered already"):
        desk.pick(asked, 1)
    desk.undo()
    desk.pick(asked, 1)
    assert desk.seqs() == [3]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"outcome": Outcome(picks=(999,))}, "those shown"),
        ({"outcome": Outcome(picks=())}, "empty"),
        ({"strength": float("nan")}, "strength"),
        ({"strength": 0.0}, "strength"),
        ({"predicted": float("nan")}, "probability"),
        ({"predicted": 1.5}, "probability"),
        ({"ms": -1}, "ms"),
        ({"key": ""}, "key"),
        ({"key": "k" * 201}, "key"),
        ({"extra": {"x": float("inf")}}, "JSON"),
    ],
)
def test_answers_that_make_no_sense_are_refused(desk: Desk, change: dict, words: str) -> None:
    asked = desk.ask()
    new = NewAnswer(asked.id, Outcome((asked.items[0],)), key="k")
    with pytest.raises(ValueError, match=words):
        desk.store.add_answer(replace(new, **change))
    with pytest.raises(KeyError, match="no question 99"):
        desk.store.add_answer(replace(new, question_id=99))
    assert desk.store.answer_rows(desk.profile) == []


def test_questions_show_what_the_person_may_see(store: Store, desk: Desk) -> None:
    other = store.add_profile(store.put_user("bob", "hash"))
    own = store.add_items("picture", pictures(2), desk.user)
    for profile, kind, shown, rule in [
        (other.id, "picture", own, ValueError),
        (desk.profile, "text", [desk.texts[0], own[0]], ValueError),
        (desk.profile, "text", desk.texts[:1], ValueError),
        (desk.profile, "text", desk.texts[:1] * 2, ValueError),
        (desk.profile, "text", [desk.texts[0], 999], KeyError),
        (99, "text", desk.texts[:2], KeyError),
    ]:
        with pytest.raises(rule):
            store.add_question(profile, kind, shown)
    with pytest.raises(ValueError, match="same profile"):
        store.add_question(other.id, "text", desk.texts[:2], repeat_of=desk.ask().id)


def test_the_open_question_is_the_one_in_front_of_the_person(desk: Desk) -> None:
    def in_front(form: str = "pair"):
        return desk.store.open_question(desk.profile, "text", form)

    assert in_front() is None
    first, second, grid = desk.ask(0, 1), desk.ask(2, 3), desk.ask(0, 1, 2)
    assert in_front() == first and in_front("grid") == grid
    desk.pick(first)
    assert in_front() == second
    liked = desk.ask(4, 5, rule="like")
    assert in_front() == second
    desk.pick(liked)
    assert in_front() == second, "a like does not move the person on"
    desk.undo()
    assert in_front() == second, "a like that was taken back is not asked"
    desk.undo()
    assert in_front() == first, "what was taken back is asked again"
    desk.redo()
    assert in_front() == second
    desk.pick(desk.ask(6, 7))
    assert in_front() is None and desk.pick(second).seq, "passed by: not asked, still answerable"


def test_counts_leave_out_what_says_nothing(desk: Desk) -> None:
    desk.pick(desk.ask())
    desk.say(desk.ask(), "skip")
    desk.say(desk.ask(), "both_bad")
    assert desk.store.counts(desk.profile) == {"picture": 0, "text": 2, "rows": 3}
    desk.undo()
    assert desk.store.counts(desk.profile) == {"picture": 0, "text": 1, "rows": 4}
    assert desk.store.count_questions(desk.profile, "text") == 3


def test_undo_and_redo_are_idempotent_and_stop_at_the_ends(desk: Desk) -> None:
    store, profile = desk.store, desk.profile
    assert store.undo(profile, "text", "u0") is None and store.redo(profile, "text", "r0") is None
    desk.pick(desk.ask())
    desk.pick(desk.ask())
    assert store.undo(profile, "text", "u") == 2 == store.undo(profile, "text", "u")
    assert desk.seqs() == [1] and store.can_redo(profile, "text")
    assert store.redo(profile, "text", "r") == 2 == store.redo(profile, "text", "r")
    assert desk.seqs() == [1, 2] and not store.can_redo(profile, "text")
    rows = store.answer_rows(profile)
    assert [(r["act"], r["target"], r["effective"]) for r in rows] == [
        ("answer", None, True), ("answer", None, True), ("undo", 2, False), ("redo", 2, False),
    ]  # fmt: skip
    with pytest.raises(KeyError, match="no profile 99"):
        store.undo(99, "text", "u")


def test_the_last_answer_and_those_after_a_seq(desk: Desk) -> None:
    assert desk.store.last_answer(desk.profile, "text") is None
    asked = [desk.ask() for _ in range(3)]
    for question in asked:
        desk.pick(question, 1, ms=5, strength=0.5)
    last = desk.store.last_answer(desk.profile, "text")
    assert last is not None and (last.seq, last.question, last.ms) == (3, asked[2], 5)
    assert [c.seq for c in desk.store.comparisons(desk.profile, "text", after=1)] == [2, 3]


STEPS = st.lists(st.sampled_from("aaauurpl"), max_size=40)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_undo_and_redo_are_those_of_a_list(tmp_path_factory, steps: list[str]) -> None:
    with Store.open(tmp_path_factory.mktemp("data")) as store:
        desk = new_desk(store, 4)
        counted: list[int] = []
        taken: list[int] = []
        for step in steps:
            if step == "u":
                assert desk.undo() == (counted[-1] if counted else None)
                taken += [counted.pop()] if counted else []
            elif step == "r":
                assert desk.redo() == (taken[-1] if taken else None)
                counted += [taken.pop()] if taken else []
            else:
                asked = desk.ask(rule="like" if step == "l" else "uniform")
                counted.append(desk.pick(asked).seq)
                taken.clear()
            assert store.can_redo(desk.profile, "text") == bool(taken)
        assert desk.seqs() == counted
        assert store.counts(desk.profile)["text"] == len(counted)
        before = derived(store)
        store.write(lambda db: answers.rebuild(db, desk.profile))
        assert derived(store) == before


def derived(store: Store) -> list[list[tuple]]:
    """What follows from the log. Positions above the depth count only up to the tail."""
    return store.read(
        lambda db: [
            db.execute(f"SELECT * FROM {t} ORDER BY 1, 2, 3, 4").fetchall()
            for t in ("effective", "tops", "open_questions")
        ]
    )


def test_what_is_derived_follows_from_the_log(store: Store) -> None:
    desk = full_desk(store)
    before = derived(store)
    store.write(lambda db: answers.rebuild(db, desk.profile))
    assert derived(store) == before


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE answers SET outcome = '\"skip\"'",
        "DELETE FROM answers",
        "INSERT OR REPLACE INTO answers SELECT * FROM answers LIMIT 1",
        "UPDATE questions SET items = '[1, 2]'",
        "DELETE FROM questions",
    ],
)
def test_the_log_cannot_be_rewritten(store: Store, sql: str) -> None:
    desk = full_desk(store)
    rows = store.answer_rows(desk.profile)
    with pytest.raises((sqlite3.IntegrityError, KeyError), match="never|only|fixed|not there"):
        store.write(lambda db: db.execute(sql))
    assert store.answer_rows(desk.profile) == rows


@pytest.mark.parametrize(("table", "column"), [("answers", "strength"), ("questions", "items")])
def test_a_changed_byte_in_the_log_is_seen(store: Store, table: str, column: str) -> None:
    desk = full_desk(store)

    def change(db) -> None:
        trigger, sql = db.execute(
            "SELECT name, sql FROM sqlite_master WHERE name = ?", [f"{table}_stay"]
        ).fetchone()
        db.execute(f"DROP TRIGGER {trigger}")
        value = "strength + 1" if column == "strength" else "replace(items, '1', '2')"
        db.execute(f"UPDATE {table} SET {column} = {value}")
        db.execute(sql)

    store.write(change)
    with pytest.raises(Damaged, match="backup"):
        store.comparisons(desk.profile, "text")
    with pytest.raises(Damaged, match="backup"):
        store.answer_rows(desk.profile)


# the cost of a click


CLICK = (
    lambda db, d, q: answers.add(db, NewAnswer(q, Outcome((d.texts[0],)), key="new"), 0.0),
    lambda db, d, q: answers.undo(db, d.profile, "text", "u", 0.0),
    lambda db, d, q: answers.redo(db, d.profile, "text", "r", 0.0),
    lambda db, d, q: answers.open_question(db, d.profile, "text", "pair"),
    lambda db, d, q: answers.last(db, d.profile, "text"),
    lambda db, d, q: answers.counts(db, d.profile),
    lambda db, d, q: questions.add(db, NewQuestion(d.profile, "text", tuple(d.texts[:2])), 0.0),
)


def click(db, desk: Desk, question: int) -> None:
    for step in CLICK:
        step(db, desk, question)


def test_no_click_scans_a_table(store: Store, desk: Desk) -> None:
    asked = desk.ask()
    told: list[str] = []
    store.write(lambda db: _traced(db, told, lambda: click(db, desk, asked.id)))
    plans = store.read(
        lambda db: [
            (sql, row[3])
            for sql in dict.fromkeys(told)
            if sql.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))
            for row in db.conn.execute(f"EXPLAIN QUERY PLAN {sql}")
        ]
    )
    assert len(plans) >= 12
    scans = [
        p for p in plans if "SCAN" in p[1] and "json_each" not in p[1] and "CONSTANT" not in p[1]
    ]
    assert scans == []


def _traced(db, told: list[str], work) -> None:
    db.conn.set_trace_callback(told.append)
    work()
    db.conn.set_trace_callback(None)


def test_a_click_costs_the_same_after_a_long_history(store: Store, desk: Desk) -> None:
    """Counted in instructions of SQLite's machine, so that the clock does not matter."""

    def grow(n: int, start: int) -> None:
        new = NewQuestion(desk.profile, "text", tuple(desk.texts[:2]))

        def work(db) -> None:
            for k in range(start, start + n):
                q = questions.add(db, new, 0.0)
                answers.add(db, NewAnswer(q.id, Outcome((desk.texts[0],)), key=f"h{k}"), 0.0)

        store.write(work)

    def cost() -> int:
        asked, steps = desk.ask(), [0]

        def work(db) -> None:
            db.conn.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 1)
            db.execute("SAVEPOINT measured")
            click(db, desk, asked.id)
            db.execute("ROLLBACK TO measured")
            db.execute("RELEASE measured")
            db.conn.set_progress_handler(None, 1)

        store.write(work)
        return steps[0]

    grow(10, 0)
    short = cost()
    grow(3000, 10)
    assert 100 < short and cost() <= short * 1.1
