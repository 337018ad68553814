"""Make it smaller, first on paper, then for real (workshop: needs torch)."""
