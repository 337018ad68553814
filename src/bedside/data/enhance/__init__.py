"""Enhancement of uint8 pictures in whole numbers, so that every machine gets the same bytes."""
