"""Jobs of campaigns in the store: each is done once, whatever stops whom in between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from hwkit.profile.measurement import Measurement
from hwkit.profile.store import schema
from hwkit.profile.store.database import Place, default_path, is_there, opened
from hwkit.profile.store.measurements import Exactness, Stored, chunks, insert, selected

State = Literal["done", "refused", "failed"]
"""Refused: the board cannot run this network, and trying again would not change that."""


@dataclass(frozen=True, slots=True)
class Job:
    """What became of a job: in how many ``attempts``, and why it isn't done (``message``)."""

    digest: str
    state: State
    measurement: int | None
    attempts: int
    message: str


def known(digests: Sequence[str], place: Place = None) -> dict[str, Job]:
    """What became of those of ``digests`` that were ever tried; raises as ``opened`` does."""
    found: dict[str, Job] = {}
    if not is_there(place):
        return found
    with opened(place, write=False) as db:
        for some in chunks(digests):
            chosen = sa.select(schema.job).where(schema.job.c.digest.in_(some))
            for row in db.execute(chosen).mappings():
                found[row["digest"]] = Job(**row)
    return found


def finish(
    digest: str, measurement: Measurement, exactness: Exactness | None, attempts: int, place: Place
) -> bool:
    """Stores the measurement and that the job is done, together. False where somebody else has
    done it meanwhile: then nothing is stored."""
    with opened(place, write=True) as db:
        table = schema.job
        if db.dialect.name != "sqlite":  # SQLite's writers take turns anyway
            key = {"key": int(digest[:15], 16)}
            db.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), key)
        done = sa.select(table.c.state).where(table.c.digest == digest)
        if db.execute(done).scalar_one_or_none() == "done":
            return False
        db.execute(sa.delete(table).where(table.c.digest == digest))
        number = insert(db, measurement, exactness)
        row = Job(digest, "done", number, attempts, "")
        db.execute(sa.insert(table).values(_values(row)))
    return True


def give_up(
    digests: Iterable[str], state: State, attempts: int, message: str, place: Place
) -> None:
    """Notes why jobs are not done; one that is done stays so."""
    with opened(place, write=True) as db:
        table = schema.job
        for digest in digests:
            here = table.c.digest == digest
            if db.execute(sa.select(table.c.state).where(here)).scalar_one_or_none() == "done":
                continue
            db.execute(sa.delete(table).where(here))
            db.execute(
                sa.insert(table).values(_values(Job(digest, state, None, attempts, message)))
            )


def results(digests: Sequence[str], place: Place = None) -> dict[str, Stored]:
    """The measurements of those of ``digests`` that are done."""
    found: dict[str, Stored] = {}
    jobs = {j.measurement: d for d, j in known(digests, place).items() if j.measurement is not None}
    if not jobs:
        return found
    with opened(place, write=False) as db:
        for some in chunks(list(jobs)):
            condition = schema.measurement.c.id.in_(some)
            for stored in selected(db, [condition], str(place or default_path())):
                found[jobs[stored.id]] = stored
    return found


def _values(job: Job) -> dict[str, object]:
    return {name: getattr(job, name) for name in Job.__slots__}
