"""Compression measured: pruning, the whole recipe, int8, search, distillation, spatial sparsity."""
