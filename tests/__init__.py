"""A package, so that no installed package that ships its own `tests` comes first."""
