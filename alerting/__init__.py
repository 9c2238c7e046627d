"""What is wrong now, and telling people of it once: at its beginning, when it gets worse, and when it is over."""

from alerting.faults import Fault, OpenFault, open_faults, raise_fault, resolve_fault

__all__ = ["Fault", "OpenFault", "open_faults", "raise_fault", "resolve_fault"]
