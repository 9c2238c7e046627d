"""One folder per simulated system, each exporting SYSTEM (`simulator.system.System`). Found by looking."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from simulator.system import System


@cache
def systems() -> dict[str, System]:
    """Every system by its name, which is that of its folder; in the order of the names."""
    return {
        found.name: import_module(f"{__name__}.{found.name}").SYSTEM
        for found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name)
        if found.ispkg
    }
