"""The schema, as numbered steps. Append only: a released step is never edited.

The answers log and the questions are the truth and are never changed; `effective`, `tops` and
`open_questions` follow from the log and are rebuilt from it by `answers.rebuild`.
"""

from sqlite_utils import Database, Migrations

from profiles import first_sums

APPLICATION = 0x50454E43
steps = Migrations("penchant")

FIRST = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    created REAL NOT NULL
) STRICT;

CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    expires REAL NOT NULL,
    created REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions(user_id, created);

CREATE TABLE profiles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    purpose TEXT NOT NULL,
    colour TEXT NOT NULL,
    created REAL NOT NULL,
    named INTEGER NOT NULL CHECK (named IN (0, 1))
) STRICT;
CREATE INDEX profiles_user ON profiles(user_id, id);

CREATE TABLE items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('picture', 'text')),
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    prompt TEXT NOT NULL,
    text TEXT,
    made TEXT NOT NULL,
    attributes TEXT NOT NULL,
    media INTEGER NOT NULL CHECK (media IN (0, 1)),
    owner INTEGER REFERENCES users(id) ON DELETE CASCADE,
    profile_id INTEGER REFERENCES profiles(id) ON DELETE SET NULL,
    retired INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1)),
    created REAL NOT NULL
) STRICT;
CREATE UNIQUE INDEX items_content ON items(kind, hash, coalesce(owner, 0));
CREATE INDEX items_hash ON items(hash);
CREATE INDEX items_owner ON items(owner, kind);
CREATE INDEX items_profile ON items(profile_id);

CREATE TABLE embeddings (
    space TEXT NOT NULL,
    hash TEXT NOT NULL,
    vector BLOB NOT NULL,
    crc INTEGER NOT NULL,
    given INTEGER NOT NULL CHECK (given IN (0, 1)),
    PRIMARY KEY (space, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX embeddings_hash ON embeddings(hash);

CREATE TABLE questions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    profile_id INTEGER NOT NULL REFERENCES profiles(id),
    number INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('picture', 'text')),
    items TEXT NOT NULL,
    rule TEXT NOT NULL,
    repeat_of INTEGER REFERENCES questions(id),
    created REAL NOT NULL,
    digest BLOB NOT NULL,
    UNIQUE (profile_id, number)
) STRICT;
CREATE INDEX questions_repeat ON questions(repeat_of);

CREATE TABLE shown (
    item_id INTEGER NOT NULL REFERENCES items(id),
    profile_id INTEGER NOT NULL REFERENCES profiles(id),
    PRIMARY KEY (item_id, profile_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX shown_profile ON shown(profile_id);

CREATE TABLE answers (
    profile_id INTEGER NOT NULL REFERENCES profiles(id),
    seq INTEGER NOT NULL,
    act TEXT NOT NULL CHECK (act IN ('answer', 'undo', 'redo')),
    kind TEXT NOT NULL CHECK (kind IN ('picture', 'text')),
    question_id INTEGER NOT NULL REFERENCES questions(id),
    target INTEGER CHECK ((target IS NULL) = (act = 'answer')),
    outcome TEXT CHECK ((outcome IS NULL) = (act <> 'answer')),
    strength REAL NOT NULL,
    ms INTEGER,
    source TEXT NOT NULL,
    key TEXT NOT NULL,
    predicted REAL,
    note TEXT NOT NULL,
    extra TEXT NOT NULL,
    created REAL NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (profile_id, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX answers_key ON answers(profile_id, key);
CREATE INDEX answers_question ON answers(question_id);

CREATE TABLE effective (
    profile_id INTEGER NOT NULL REFERENCES profiles(id),
    kind TEXT NOT NULL,
    pos INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    question_id INTEGER NOT NULL,
    spoken INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    PRIMARY KEY (profile_id, kind, pos)
) STRICT, WITHOUT ROWID;

CREATE TABLE tops (
    profile_id INTEGER NOT NULL REFERENCES profiles(id),
    kind TEXT NOT NULL,
    depth INTEGER NOT NULL,
    tail INTEGER NOT NULL CHECK (tail >= depth),
    PRIMARY KEY (profile_id, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE open_questions (
    profile_id INTEGER NOT NULL REFERENCES profiles(id),
    kind TEXT NOT NULL,
    form TEXT NOT NULL,
    offered INTEGER NOT NULL,
    question_id INTEGER NOT NULL,
    PRIMARY KEY (profile_id, kind, form, offered, question_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    profile_id INTEGER NOT NULL REFERENCES profiles(id),
    kind TEXT NOT NULL,
    method TEXT NOT NULL,
    space TEXT NOT NULL,
    seq INTEGER NOT NULL,
    created REAL NOT NULL,
    note TEXT NOT NULL,
    digest BLOB NOT NULL,
    state BLOB NOT NULL
) STRICT;
CREATE INDEX versions_of ON versions(profile_id, kind, method, space, seq);

CREATE TABLE generations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    profile_id INTEGER NOT NULL REFERENCES profiles(id),
    kind TEXT NOT NULL,
    prompt TEXT NOT NULL,
    seed INTEGER NOT NULL,
    strength REAL NOT NULL,
    request TEXT NOT NULL,
    results TEXT NOT NULL,
    created REAL NOT NULL
) STRICT;
CREATE INDEX generations_profile ON generations(profile_id, id);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    profile_id INTEGER REFERENCES profiles(id),
    what TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('queued', 'running', 'paused', 'done', 'failed', 'stopped', 'interrupted')),
    request TEXT NOT NULL,
    progress TEXT NOT NULL,
    error TEXT NOT NULL,
    created REAL NOT NULL,
    changed REAL NOT NULL
) STRICT;
CREATE INDEX jobs_user ON jobs(user_id, id);
CREATE INDEX jobs_profile ON jobs(profile_id);

CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER REFERENCES users(id) ON DELETE CASCADE,
    profile_id INTEGER REFERENCES profiles(id),
    what TEXT NOT NULL,
    detail TEXT NOT NULL,
    created REAL NOT NULL
) STRICT;
CREATE INDEX events_user ON events(user_id, id);
CREATE INDEX events_profile ON events(profile_id);

CREATE TABLE deletions (profile_id INTEGER PRIMARY KEY) STRICT;

CREATE TRIGGER answers_stay BEFORE UPDATE ON answers
BEGIN SELECT raise(ABORT, 'answers are never changed; write an undo'); END;
CREATE TRIGGER answers_kept BEFORE DELETE ON answers
WHEN NOT EXISTS (SELECT 1 FROM deletions WHERE profile_id = OLD.profile_id)
BEGIN SELECT raise(ABORT, 'answers go only with their whole profile'); END;
CREATE TRIGGER questions_stay BEFORE UPDATE ON questions
BEGIN SELECT raise(ABORT, 'questions are fixed before display'); END;
CREATE TRIGGER questions_kept BEFORE DELETE ON questions
WHEN NOT EXISTS (SELECT 1 FROM deletions WHERE profile_id = OLD.profile_id)
BEGIN SELECT raise(ABORT, 'questions go only with their whole profile'); END;
"""


@steps()
def m001_first(db: Database) -> None:
    """Everything of the first release."""
    db.executescript(FIRST)


ADAPTERS = """
CREATE TABLE adapters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    profile_id INTEGER NOT NULL REFERENCES profiles(id),
    job_id INTEGER REFERENCES jobs(id) ON DELETE SET NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('picture', 'text')),
    base TEXT NOT NULL,
    digest TEXT NOT NULL CHECK (length(digest) = 64),
    card TEXT NOT NULL,
    chosen INTEGER NOT NULL DEFAULT 0 CHECK (chosen IN (0, 1)),
    created REAL NOT NULL
) STRICT;
CREATE INDEX adapters_profile ON adapters(profile_id, id);
CREATE UNIQUE INDEX adapters_once ON adapters(job_id, digest);
"""


@steps()
def m002_adapters(db: Database) -> None:
    """What was trained for a profile; the numbers lie in adapters/ID beside the database."""
    db.executescript(ADAPTERS)


REASONS = """
CREATE TABLE reasons (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    profile_id INTEGER NOT NULL REFERENCES profiles(id),
    seq INTEGER NOT NULL,
    chips TEXT NOT NULL,
    words TEXT NOT NULL,
    key TEXT NOT NULL,
    created REAL NOT NULL,
    digest BLOB NOT NULL,
    FOREIGN KEY (profile_id, seq) REFERENCES answers(profile_id, seq)
) STRICT;
CREATE UNIQUE INDEX reasons_key ON reasons(profile_id, key);
CREATE INDEX reasons_answer ON reasons(profile_id, seq);

CREATE TRIGGER reasons_stay BEFORE UPDATE ON reasons
BEGIN SELECT raise(ABORT, 'reasons are never changed; give a new one'); END;
CREATE TRIGGER reasons_kept BEFORE DELETE ON reasons
WHEN NOT EXISTS (SELECT 1 FROM deletions WHERE profile_id = OLD.profile_id)
BEGIN SELECT raise(ABORT, 'reasons go only with their whole profile'); END;
"""


@steps()
def m003_reasons(db: Database) -> None:
    """Why a passage was picked, in rows beside the answers."""
    db.executescript(REASONS)


STUDIES = """
CREATE TABLE studies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    salt BLOB NOT NULL,
    created REAL NOT NULL,
    UNIQUE (user_id, name)
) STRICT;

CREATE TABLE study_editions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    study_id INTEGER NOT NULL REFERENCES studies(id) ON DELETE CASCADE,
    digest TEXT NOT NULL CHECK (length(digest) = 64),
    source TEXT NOT NULL,
    created REAL NOT NULL,
    UNIQUE (study_id, digest)
) STRICT;

CREATE TABLE study_sessions (
    profile_id INTEGER PRIMARY KEY REFERENCES profiles(id),
    study_id INTEGER NOT NULL REFERENCES studies(id),
    edition_id INTEGER NOT NULL REFERENCES study_editions(id),
    participant TEXT NOT NULL,
    code_hash BLOB NOT NULL,
    consent TEXT NOT NULL CHECK (length(consent) = 64),
    consented REAL NOT NULL,
    about TEXT NOT NULL,
    digest BLOB NOT NULL,
    UNIQUE (study_id, code_hash),
    UNIQUE (study_id, participant)
) STRICT;
CREATE INDEX study_sessions_edition ON study_sessions(edition_id);

CREATE TABLE study_questions (
    profile_id INTEGER NOT NULL REFERENCES study_sessions(profile_id),
    place INTEGER NOT NULL,
    question_id INTEGER NOT NULL UNIQUE REFERENCES questions(id),
    block INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('plain', 'repeat', 'attention')),
    expected INTEGER,
    ask TEXT NOT NULL,
    source TEXT NOT NULL,
    names TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (profile_id, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE study_views (
    profile_id INTEGER NOT NULL REFERENCES study_sessions(profile_id),
    place INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (profile_id, place, at)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER study_sessions_stay BEFORE UPDATE ON study_sessions
BEGIN SELECT raise(ABORT, 'what a participant agreed to is never changed'); END;
CREATE TRIGGER study_sessions_kept BEFORE DELETE ON study_sessions
WHEN NOT EXISTS (SELECT 1 FROM deletions WHERE profile_id = OLD.profile_id)
BEGIN SELECT raise(ABORT, 'a participant goes only with the whole profile'); END;
CREATE TRIGGER study_questions_stay BEFORE UPDATE ON study_questions
BEGIN SELECT raise(ABORT, 'the plan of a study is fixed before display'); END;
"""


@steps()
def m004_studies(db: Database) -> None:
    """Studies: the file each participant saw, what was agreed to, the plan, what was shown when."""
    db.executescript(STUDIES)


PEOPLE = """
ALTER TABLE users ADD COLUMN own INTEGER NOT NULL DEFAULT 0 CHECK (own IN (0, 1));
ALTER TABLE users ADD COLUMN admin INTEGER NOT NULL DEFAULT 0 CHECK (admin IN (0, 1));
ALTER TABLE users ADD COLUMN locked INTEGER NOT NULL DEFAULT 0 CHECK (locked IN (0, 1));
ALTER TABLE users ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE users ADD COLUMN seen REAL;
ALTER TABLE sessions ADD COLUMN about TEXT NOT NULL DEFAULT '{}';

CREATE TABLE tokens (
    token_hash BLOB PRIMARY KEY,
    user_id INTEGER REFERENCES users(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('program', 'invite', 'reset')),
    label TEXT NOT NULL,
    created REAL NOT NULL,
    expires REAL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_user ON tokens(user_id, created);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    created REAL NOT NULL,
    user_id INTEGER,
    what TEXT NOT NULL,
    about TEXT NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit log is never changed'); END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the audit log is never shortened'); END;
CREATE TRIGGER audit_grows BEFORE INSERT ON audit
WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM audit)
BEGIN SELECT raise(ABORT, 'the audit log only grows at its end'); END;
"""


@steps()
def m005_people(db: Database) -> None:
    """Who keeps the studio, who is locked, one-time and program tokens, and the audit log."""
    db.executescript(PEOPLE)


SIMULATED = """
ALTER TABLE profiles ADD COLUMN simulated INTEGER NOT NULL DEFAULT 0 CHECK (simulated IN (0, 1));
CREATE TRIGGER simulated_stays BEFORE UPDATE OF simulated ON profiles
BEGIN SELECT raise(ABORT, 'whether a person is simulated is never changed'); END;
"""


@steps()
def m006_simulated(db: Database) -> None:
    """Examples: tastes of simulated people, marked for good."""
    db.executescript(SIMULATED)


@steps()
def m007_row_sums(db: Database) -> None:
    """A sum in every row and a head for every list: see rowsums.py."""
    first_sums.run(db)
