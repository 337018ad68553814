"""Networks and fitting them (workshop: needs torch)."""
