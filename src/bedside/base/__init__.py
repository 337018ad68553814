"""The cellar: words, units, errors, digests, plugin seams."""
