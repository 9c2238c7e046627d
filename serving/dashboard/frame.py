"""What every page has around it: whose build it shows, and words instead of a stack trace."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ingestion.errors import BusyError, LandingError
from publishing.builds import NotPublished
from serving.dashboard.reading import publication


def page(title: str, draw: Callable[[], None]) -> None:
    """Title and publication, then what `draw` draws; what cannot be answered is said in words."""
    st.title(title)
    try:
        seen = publication()
        st.caption(f"Built {seen.built_at:%Y-%m-%d %H:%M} UTC, published {seen.published_at:%Y-%m-%d %H:%M} UTC")
        draw()
    except NotPublished:
        st.info("Nothing is published yet. Run `make run`, then reload this page.", icon=":material/inbox:")
    except BusyError as error:
        st.warning(f"Many people are reading now. Reload in a moment. ({error.code})", icon=":material/hourglass:")
    except LandingError as error:
        # The message may name a host or hold SQL: it belongs to the log, the code to the reader.
        st.error(f"The warehouse does not answer. Tell its operator the code `{error.code}`.", icon=":material/error:")
