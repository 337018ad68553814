"""Architecture search under hardware limits: a space, a sampler, an oracle of quality, costs that are measured."""
