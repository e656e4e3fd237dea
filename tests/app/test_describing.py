"""A few words about the person: suggested, written, kept, taken back, and where they leave."""

from typing import Any

from app.compass import Compass
from app.describing import Describing, suggested, written
from app.shots import system_prompt
from engine.starter import axes


def test_words_are_kept_until_they_are_taken_back(client: Any, studio: Any) -> None:
    made = client.post("/api/v1/profiles", json={}).json()["id"]
    path = f"/api/v1/profiles/{made}/description"
    told = client.get(f"{path}?medium=text").json()
    assert told["written"] == "" and told["suggested"] == ""
    said = client.post(path, json={"medium": "text", "text": "  Short,\n and no jokes. "}).json()
    assert said["written"] == "Short, and no jokes." == written(studio, made, "text")
    assert written(studio, made, "picture") == ""
    assert client.post(path, json={"medium": "text", "text": ""}).json()["written"] == ""
    refused = client.post(path, json={"medium": "text", "text": "x" * 601})
    assert refused.status_code == 422 and "600" in refused.text
    assert client.get("/api/v1/profiles/99999/description").status_code == 404


def test_a_taste_file_takes_the_words_and_the_compass_along(studio: Any, user: int) -> None:
    made, compass = int(studio.new_profile(user)["id"]), Compass(studio)
    x, y = axes.names("text")[:2]
    Describing(studio).write(user, made, "text", "No jokes.")
    compass.point(user, made, "text", [x, y], 30)
    compass.point(user, made, "text", [y, x], -77.5)
    copy = int(studio.import_bundle(user, studio.export(user, made)[0])["id"])
    assert written(studio, copy, "text") == "No jokes." and not written(studio, copy, "picture")
    assert compass.hand(copy, "text") == {"plane": [y, x], "angle": -77.5}
    assert compass.hand(copy, "picture") is None


def test_the_suggestion_reads_as_a_sentence() -> None:
    assert suggested([], "passages") == ""
    assert suggested(["dry"], "passages") == "This person likes passages that are dry."
    assert (
        suggested(["dry", "short", "warm"], "x")
        == "This person likes x that are dry, short and warm."
    )


def test_own_words_stand_before_the_examples() -> None:
    text = system_prompt(["long"], [], "No jokes.")
    assert text == ("You are a gifted writer. Write long.\n\n## About this person\n\nNo jokes.\n")
    assert system_prompt([], [], "") == ""
