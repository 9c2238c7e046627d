"""Finds the sources by looking in `sources/`: the folder is the registration."""

from __future__ import annotations

import importlib
import pkgutil

import ingestion.sources
from ingestion.errors import ConfigurationError
from ingestion.settings import value
from ingestion.source import Source


def names() -> list[str]:
    """Folder names under `sources/`, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(ingestion.sources.__path__) if module.ispkg)


def find(name: str) -> Source:
    """The source of that name. Raises ConfigurationError naming the ones there are."""
    if name not in names():
        raise ConfigurationError("CONFIG_SOURCE", f"there is no source {name!r}; there are: {', '.join(names())}")
    source = importlib.import_module(f"ingestion.sources.{name}").SOURCE
    assert isinstance(source, Source) and source.name == name, (
        f"sources/{name} must export SOURCE, named like its folder"
    )
    return source


def sources() -> list[Source]:
    """All of them."""
    return [find(name) for name in names()]


def configured(source: Source) -> bool:
    """Whether any of the variables that point to the source is set."""
    return any(value(name) for name in source.settings)
