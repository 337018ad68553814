"""Who was imaged, how, and what the reference standard says."""
