"""`guestd chat`: a conversation in the terminal, as any frontend would hold it."""
