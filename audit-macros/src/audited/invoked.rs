//! The path by which the attribute was invoked: the type of the same path is the catalog.
//!
//! Read from the source text, because a macro is not told its own path.

use syn::Path;

/// What stands behind the `#[`.
#[derive(Debug)]
pub(super) enum Invoked {
    /// A path.
    As(Path),
    /// A path of the crate whose macro wrote the attribute: `$crate::…`, which only that crate can name.
    FromCrate(Path),
    /// Something that another macro put there (`#[$attribute]`), or nothing that can be read.
    Unseen,
}

impl Invoked {
    /// Reads the text of the attribute, which may be more than its path.
    pub(super) fn read(text: &str) -> Self {
        let text = text.trim_start().trim_start_matches('#').trim_start().trim_start_matches('[');
        let end = text.find(['(', ']', '=', ',']).unwrap_or(text.len());
        let path = text[..end].trim();
        let (path, invoked): (_, fn(_) -> _) = match path.strip_prefix("$crate") {
            Some(path) => (path, Self::FromCrate),
            None => (path, Self::As),
        };
        syn::parse_str(path).map_or(Self::Unseen, invoked)
    }

    /// The name of the attribute, as far as it is known.
    pub(super) fn name(&self) -> String {
        let last = match self {
            Self::As(path) | Self::FromCrate(path) => path.segments.last(),
            Self::Unseen => None,
        };
        last.map_or_else(|| "audited".to_owned(), |last| last.ident.to_string())
    }
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::Invoked;

    fn told(text: &str) -> Option<(bool, String)> {
        let (from_crate, path) = match Invoked::read(text) {
            Invoked::As(path) => (false, path),
            Invoked::FromCrate(path) => (true, path),
            Invoked::Unseen => return None,
        };
        Some((from_crate, path.to_token_stream().to_string().replace(' ', "")))
    }

    #[test]
    fn the_path_is_what_stands_before_the_arguments() {
        let of_this_crate = |path: &str| Some((false, path.to_owned()));
        assert_eq!(told("#[audited(action = \"a.b\")]"), of_this_crate("audited"));
        assert_eq!(told("# [ crate::audit::audited ]"), of_this_crate("crate::audit::audited"));
        assert_eq!(told("::audit_core::audited(x)"), of_this_crate("::audit_core::audited"));
    }

    #[test]
    fn what_a_macro_put_there_is_not_seen() {
        assert_eq!(told("#[$crate::audit::audited(x)]"), Some((true, "::audit::audited".to_owned())));
        assert_eq!(told("#[$attribute]"), None);
        assert_eq!(told("#[$path(x)]"), None);
        assert_eq!(told(""), None);
    }
}
