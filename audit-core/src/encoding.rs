//! What is hashed, version 1 (skeleton).
