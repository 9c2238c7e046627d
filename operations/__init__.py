"""For the people who run the house: database roles, backup, restore, and the drill that proves both.

May use ingestion's settings, warehouse, errors and locking, and publishing. Nobody imports this room.
"""
