"""Examples: profiles of simulated people, marked in the store for as long as they are there."""

import time

from profiles import people
from profiles.profile import Profile
from profiles.store import Store


def add(store: Store, user: int, name: str, purpose: str, colour: str) -> Profile:
    """A new profile with the mark; its answers come from a program."""
    new = Profile(0, user, name, purpose, colour, time.time(), True, True)
    return store.write(lambda db: people.add_profile(db, new))


def of(store: Store, user: int) -> list[Profile]:
    return [p for p in store.profiles(user) if p.simulated]
