"""Halves of pages that are two things; `pages/` holds whole ones only."""
