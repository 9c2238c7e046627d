"""What the pages ask: one module a page, plain SQL that both engines read alike."""
