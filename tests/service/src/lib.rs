//! A web service that is annotated.
