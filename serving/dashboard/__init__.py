"""The pages people open on a Monday: Streamlit over the published copy. No business rule is computed here.

`queries/` asks and returns Arrow tables; `pages/` draws, one file a page (halves of long ones in
`parts/`). `make dashboard` starts it.
"""
