"""The measurement store: measurements and the jobs of campaigns, in SQLite or PostgreSQL."""

from hwkit.profile.store.database import SCHEMA_VERSION, check, check_there, default_path
from hwkit.profile.store.measurements import Stored, add, newest, read

__all__ = [
    "SCHEMA_VERSION",
    "Stored",
    "add",
    "check",
    "check_there",
    "default_path",
    "newest",
    "read",
]
