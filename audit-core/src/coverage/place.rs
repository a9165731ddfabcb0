//! Where in the source an audited function stands.

use std::any::type_name;
use std::panic::Location;

/// Where in the source an audited function stands.
#[derive(Debug, Clone, Copy)]
pub struct SourcePlace {
    /// The name of a type inside the function.
    inside: fn() -> &'static str,
    location: &'static Location<'static>,
}

impl SourcePlace {
    /// The place of the caller, who names a type of its own.
    ///
    /// The name of a type inside a function holds the path of that function, of which an attribute on it knows only the
    /// last word.
    #[must_use]
    #[track_caller]
    pub const fn of<T>() -> Self {
        Self { inside: type_name::<T>, location: Location::caller() }
    }

    /// The path of the function, without generic arguments.
    pub(super) fn function(&self) -> String {
        let path = plain((self.inside)());
        path.rsplit_once("::").map_or_else(|| path.clone(), |(function, _)| function.to_owned())
    }

    pub(super) const fn file(&self) -> &'static str {
        self.location.file()
    }

    pub(super) const fn line(&self) -> u32 {
        self.location.line()
    }
}

/// The path of a function, as the compiler names its type, without what differs between its uses: generic arguments, and
/// the closures around it (the body of an `async fn` is one).
pub(super) fn plain(type_name: &str) -> String {
    let mut path = String::with_capacity(type_name.len());
    let (mut depth, mut before) = (0_usize, ' ');
    for sign in type_name.chars() {
        match sign {
            '<' if depth > 0 || before.is_alphanumeric() || before == '_' => depth += 1,
            '>' if depth > 0 && before != '-' => depth -= 1,
            _ if depth > 0 => {}
            _ => path.push(sign),
        }
        before = sign;
    }
    path.replace("::{{closure}}", "")
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_path_is_the_same_for_every_use_of_a_generic_function() {
        assert_eq!(plain("shop::Orders<_>::place"), "shop::Orders::place");
        assert_eq!(plain("shop::Orders<shop::Db<fn(u8) -> u8>>::place<3, u8>"), "shop::Orders::place");
        assert_eq!(plain("<shop::Orders<_> as shop::Store<u8>>::place"), "<shop::Orders as shop::Store>::place");
        assert_eq!(plain("shop::place::{{closure}}::SITE::{{closure}}"), "shop::place::SITE");
    }
}
