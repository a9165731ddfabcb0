//! Reading the log (skeleton).
