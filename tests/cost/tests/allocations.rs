//! What a call of an annotated function allocates, so that it stays as little.
