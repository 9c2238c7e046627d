"""What one running API holds: settings, the reader of the published copy, keys, cache, counts, jobs and metrics."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from serving.api.audit import Calls as CallsWritten
from serving.api.cache import Cache, Memory, Redis
from serving.api.jobs import Jobs
from serving.api.keys import Keys
from serving.api.limits import Calls, CountedHere, CountedInRedis
from serving.api.metrics import Metrics
from serving.api.settings import ApiSettings
from serving.published import Published, open_published


@dataclass
class House:
    settings: ApiSettings
    published: Published
    keys: Keys
    cache: Cache
    calls: Calls
    written: CallsWritten
    jobs: Jobs
    metrics: Metrics


def opened(settings: ApiSettings) -> House:
    """Raises ConfigurationError. Neither a published copy nor Redis need be there yet."""
    # Many ask at once, each by a thread of its own: more of them would only take the cores from one another.
    published = open_published(threads=1)
    metrics = Metrics(published)
    if settings.redis_url:
        redis = Redis(settings.redis_url.get_secret_value(), metrics.cache_failures)
        cache: Cache = redis
        calls: Calls = CountedInRedis(redis)
    else:
        cache, calls = Memory(), CountedHere()
    return House(
        settings, published, Keys(settings.keys), cache, calls, CallsWritten(settings.folder), Jobs(settings), metrics
    )


async def house_of(request: Request) -> House:
    """For `Depends`; async, as what does not wait needs no thread."""
    house: House = request.app.state.house
    return house
