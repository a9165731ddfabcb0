//! The path by which the attribute was invoked: the type of the same path is the catalog.

use proc_macro2::{Ident, Span};
use quote::format_ident;
use syn::Path;

/// The path that stands behind the `#[`, with every token at `at`.
///
/// Read from the source text, because a macro is not told its own path. Where there is no text (inside
/// other macros, say), it is `audited`.
pub(super) fn path(at: Span) -> Path {
    let text = Span::call_site().source_text().unwrap_or_default();
    let mut path = parse(&text).unwrap_or_else(|| format_ident!("audited").into());
    for segment in &mut path.segments {
        segment.ident = Ident::new(&segment.ident.to_string(), at);
    }
    path
}

fn parse(text: &str) -> Option<Path> {
    let text = text.trim_start().trim_start_matches('#').trim_start().trim_start_matches('[');
    let end = text.find(['(', ']', '=', ',']).unwrap_or(text.len());
    syn::parse_str(text[..end].trim()).ok()
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::parse;

    #[test]
    fn the_path_is_what_stands_before_the_arguments() {
        let path = |text| parse(text).map(|path| path.to_token_stream().to_string().replace(' ', ""));
        assert_eq!(path("#[audited(action = \"a.b\")]").as_deref(), Some("audited"));
        assert_eq!(path("# [ crate::audit::audited ]").as_deref(), Some("crate::audit::audited"));
        assert_eq!(path("::audit_core::audited(x)").as_deref(), Some("::audit_core::audited"));
        assert_eq!(path(""), None);
    }
}
