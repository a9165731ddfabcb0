//! The viewer, as a browser and those who would misuse it see it: real pages over real logs.

mod access;
mod accessibility;
mod browser;
mod driver;
mod hostile;
mod integrity;
mod mounted;
mod pages;
mod support;
mod tail;
