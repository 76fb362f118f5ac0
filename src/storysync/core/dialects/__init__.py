"""How story files may be written: one module a dialect (docs/dialects.md). `core.registry` finds them."""
