"""Alembic's migrations of the store; ``database`` runs them when an older one is opened."""
