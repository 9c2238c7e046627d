"""Who may come in: the key of a call, its role, and how often it calls. For `Depends`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serving.api.errors import ApiError
from serving.api.keys import Caller
from serving.api.limits import hold
from serving.api.state import House, house_of

_BEARER = HTTPBearer(auto_error=False, description="A key made by `python -m serving.api keys add NAME`.")
_NO_KEY = {"WWW-Authenticate": "Bearer"}


async def reader(
    request: Request,
    house: Annotated[House, Depends(house_of)],
    given: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> Caller:
    """Anybody with a key. Raises ApiError 401 or 429."""
    address = request.client.host if request.client else "nobody"
    caller = house.keys.caller(given.credentials) if given else None
    if caller is None:
        # Guessing is held too, by address.
        await hold(house.calls, f"address:{address}", house.settings.api_calls_per_minute)
        raise ApiError(401, "NO_KEY", "Send `Authorization: Bearer KEY` with a key that is known.", _NO_KEY)
    request.state.caller = caller.name
    await hold(house.calls, f"key:{caller.name}", house.settings.api_calls_per_minute)
    return caller


async def operator(caller: Annotated[Caller, Depends(reader)]) -> Caller:
    """Who may start something. Raises ApiError 401, 403 or 429."""
    if caller.role != "operator":
        raise ApiError(403, "NOT_AN_OPERATOR", "Only a key of the role operator may do this.")
    return caller


Reader = Annotated[Caller, Depends(reader)]
Operator = Annotated[Caller, Depends(operator)]
