"""The integer graph: types, ops, verification, interpretation, serialization. See SPEC.md."""
