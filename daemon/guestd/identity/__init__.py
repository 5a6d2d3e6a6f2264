"""Who a guest is, in writing that others can check: signing keys on disk, and the guest tokens
signed with them."""
